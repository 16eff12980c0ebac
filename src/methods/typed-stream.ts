import type { StreamId } from '../wire/stream-id.ts';
import { ModuleError } from '../errors.ts';
import { bytes, tooLargeFor, type AnyCodec, type ReceivedBy, type SentBy } from './codec.ts';

/** Methods by name: a module's `onServerStream`, or the shapes that it was made of. */
export type MethodTable = object;

/** What a host sends to the method, and what it gets; bytes where the method says nothing. */
export type SentTo<M> = M extends { readonly input: infer C } ? SentBy<C> : Uint8Array;
export type ReceivedFrom<M> = M extends { readonly output: infer C } ? ReceivedBy<C> : Uint8Array;

/** The entry of a table; an unknown one for a name that it doesn't have. */
export type MethodOf<T, K extends string> = K extends keyof T ? T[K] : unknown;

/** What a typed stream needs of a stream of bytes. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  readonly id: StreamId;
  send(data: Uint8Array): Promise<void>;
  end(): void;
  cancel(reason: string): void;
  readonly closed: Promise<void>;
}

/**
 * One stream of values, seen from the host. Iterating gives the module's values and ends or throws as the stream of bytes
 * does; what the host sends is not checked here, since the module does that.
 */
export class TypedStream<Send, Receive> implements AsyncIterable<Receive> {
  /** The stream below, for what is not about values: grants, single frames. To be read here or there, not both. */
  readonly bytes: ByteStream;
  readonly #input: AnyCodec;
  readonly #output: AnyCodec;

  constructor(stream: ByteStream, input: AnyCodec, output: AnyCodec) {
    this.bytes = stream;
    this.#input = input;
    this.#output = output;
  }

  get id(): StreamId {
    return this.bytes.id;
  }

  /** Resolves with the module's Close, rejects with its error. May be ignored. */
  get closed(): Promise<void> {
    return this.bytes.closed;
  }

  /**
   * Sends one value. Rejects as the stream of bytes does, and with `invalidArgument` for a value that has no payload, or one of more
   * than 1 MiB that its codec may not cut.
   */
  async send(value: Send): Promise<void> {
    await this.bytes.send(this.#encode(value));
  }

  /** All is sent. */
  end(): void {
    this.bytes.end();
  }

  cancel(reason: string): void {
    this.bytes.cancel(reason);
  }

  #encode(value: Send): Uint8Array {
    let payload: Uint8Array;
    try {
      payload = this.#input.encode(value);
    } catch (cause) {
      throw new ModuleError('invalidArgument', `The value can't be sent: ${(cause as Error).message}.`, {
        cause,
      });
    }
    const problem = tooLargeFor(this.#input, payload);
    if (problem !== undefined)
      throw new ModuleError('invalidArgument', `The value can't be sent: ${problem}.`);
    return payload;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Receive, void, undefined> {
    const decoder = this.#output.decoder();
    for await (const payload of this.bytes) yield* decoder.push(payload) as Iterable<Receive>;
    yield* decoder.end() as Iterable<Receive>;
  }
}

/** Something that opens streams of bytes: a host's session, or a module process. */
export interface StreamOpener<Options, Stream extends ByteStream> {
  openStream(method: string, options?: Options): Stream;
}

/** Opens streams by the names and types of a table. */
export interface TypedMethods<T extends MethodTable, Options> {
  /** @throws ModuleError as `openStream` does */
  open<K extends keyof T & string>(
    method: K,
    options?: Options,
  ): TypedStream<SentTo<T[K]>, ReceivedFrom<T[K]>>;
}

/**
 * A host's typed view of a module: what each method takes and gives comes from `methods`, without generated code.
 *
 * @param methods the module's `onServerStream`, or an object of method shapes that module and host share
 */
export function withMethods<T extends MethodTable, Options>(
  opener: StreamOpener<Options, ByteStream>,
  methods: T,
): TypedMethods<T, Options> {
  return {
    open: (method, options) => {
      const { input, output } = codecsOf(methods, method);
      return new TypedStream(opener.openStream(method, options), input, output) as never;
    },
  };
}

/** The codecs of a method in a table; bytes where it says nothing, or isn't there. */
export function codecsOf(methods: unknown, name: string): { input: AnyCodec; output: AnyCodec } {
  const isTable = typeof methods === 'object' && methods !== null && Object.hasOwn(methods, name);
  const entry: unknown = isTable ? (methods as Record<string, unknown>)[name] : undefined;
  const { input, output } = (typeof entry === 'object' && entry !== null ? entry : {}) as {
    input?: AnyCodec;
    output?: AnyCodec;
  };
  return { input: input ?? bytes(), output: output ?? bytes() };
}
