import type { StreamId } from '../wire/stream-id.ts';
import { ModuleError } from '../errors.ts';
import { tooLargeFor, type AnyCodec, type ReceivedBy, type SentBy } from './codec.ts';
import { shapeOf } from './shape.ts';

/** Methods by name: a module's `onServerStream`, or an object of the method shapes that it was made of. */
export type MethodTable = object;

/** The shape of a table's entry, which is a shape itself or a handler with its shape; `unknown` if it has none. */
export type ShapeOf<M> = M extends { readonly shape: infer S } ? S : M;
type CodecIn<P> = P extends { readonly codec: infer C } ? C : never;

/** The type of the values that a host sends to the method, and of those that it gets back; bytes if the method has no shape. */
export type SentTo<M> =
  ShapeOf<M> extends { readonly input: infer P; readonly kind: string } ? SentBy<CodecIn<P>> : Uint8Array;
export type ReceivedFrom<M> =
  ShapeOf<M> extends { readonly output: infer P; readonly kind: string }
    ? ReceivedBy<CodecIn<P>>
    : Uint8Array;

/** The type of a table's entry; `unknown` for a name that the table doesn't have. */
export type MethodOf<T, K extends string> = K extends keyof T ? T[K] : unknown;

/** The part of a stream of bytes that a typed stream uses. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  readonly id: StreamId;
  send(data: Uint8Array): Promise<void>;
  end(): void;
  cancel(reason: string): void;
  readonly closed: Promise<void>;
}

/**
 * One stream of values, seen from the host. Iterating gives the module's values, and ends or throws as the stream of bytes does.
 * The host's values are not checked here, since the module checks them.
 */
export class TypedStream<Send, Receive> implements AsyncIterable<Receive> {
  /**
   * The stream of bytes below, for grants and single frames. Read either this or the values, since both take from the same input.
   */
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

  /** Resolves with the module's Close and rejects with its error. It may be ignored. */
  get closed(): Promise<void> {
    return this.bytes.closed;
  }

  /**
   * Sends one value. Rejects as the stream of bytes does, and with `invalidArgument` for a value that can't be encoded, or for a
   * value of more than 1 MiB if its codec may not cut it.
   */
  async send(value: Send): Promise<void> {
    await this.bytes.send(this.#encode(value));
  }

  /** Half-close: the host sends nothing more. */
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
 * A host's typed view of a module. The types of each method's input and output come from `methods`, without generated code.
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

/** The codecs of a method in a table; bytes if the method has none, or if the table has no such method. */
export function codecsOf(methods: unknown, name: string): { input: AnyCodec; output: AnyCodec } {
  const isTable = typeof methods === 'object' && methods !== null && Object.hasOwn(methods, name);
  const { input, output } = shapeOf(isTable ? (methods as Record<string, unknown>)[name] : undefined);
  return { input: input.codec, output: output.codec };
}
