import { ModuleError } from '../errors.ts';
import { modeOf, type HandlerMode, type ModedHandler } from '../module.ts';
import type { ServerStream } from '../handle/server-stream.ts';
import {
  bytes,
  tooLargeFor,
  type AnyCodec,
  type Codec,
  type ReceivedBy,
  type SentBy,
  type ValueDecoder,
} from './codec.ts';
import { issueOf, issuesError } from './issues.ts';
import type { StandardResult, StandardSchema } from './standard-schema.ts';

/** The types of a method's input and output, as codecs. It is a plain object, so a host can share it without the handler. */
export interface MethodShape<I, O> {
  /** Codec of the values that the host sends (default: `bytes()`). */
  readonly input?: I;
  /** Codec of the values that the handler yields (default: `bytes()`). */
  readonly output?: O;
}

/** A stream handler with the codecs of its input and output. It goes into `onServerStream` as any other handler. */
export interface Method<I extends Codec<unknown>, O extends Codec<unknown>> extends ModedHandler {
  readonly input: I;
  readonly output: O;
}

/** The decoded and checked input. Both iterables take from the same values. */
export interface MethodInput<T> extends Iterable<T>, AsyncIterable<T> {}

/** Yields the values of the output: a generator function or an async generator function, as with any stream handler. */
export type MethodHandler<I, O> = (
  input: MethodInput<ReceivedBy<I>>,
  stream: ServerStream,
) => Iterable<SentBy<O>> | AsyncIterable<SentBy<O>>;

/**
 * Makes a typed stream method, which decodes and checks its input, and checks and encodes its output.
 *
 * Input that can't be decoded, or that its schema refuses, ends the stream with `invalidArgument`; the issues are JSON in the
 * error's `details`. Output that its schema refuses, or a value of more than 1 MiB whose codec may not cut it, is the handler's
 * mistake and ends the stream with `handlerFailed`.
 *
 * @param shape the codecs (`bytes()`, `text()`, `json(schema?)`, `ndjson(schema?)`), and `mode` if the handler is a plain function
 *   that returns an async iterable
 */
export function method<
  I extends Codec<unknown> = Codec<Uint8Array>,
  O extends Codec<unknown> = Codec<Uint8Array>,
>(shape: MethodShape<I, O> & { readonly mode?: HandlerMode }, handler: MethodHandler<I, O>): Method<I, O> {
  const input: AnyCodec = shape.input ?? bytes();
  const output: AnyCodec = shape.output ?? bytes();
  return {
    mode: shape.mode ?? modeOf(handler),
    input: input as I,
    output: output as O,
    handler: (stream) => {
      const values = new DecodedInput(stream, input) as MethodInput<ReceivedBy<I>>;
      const results: Iterable<unknown> | AsyncIterable<unknown> = handler(values, stream);
      return Symbol.asyncIterator in results ? encodeAsync(results, output) : encodeSync(results, output);
    },
  };
}

class DecodedInput implements MethodInput<unknown> {
  readonly #stream: ServerStream;
  readonly #codec: AnyCodec;
  readonly #decoder: ValueDecoder;
  /** Values of the last payload that the handler has not taken yet. */
  #decoded: Iterator<unknown, void> = [].values();
  #count = 0;
  #ended = false;

  constructor(stream: ServerStream, codec: AnyCodec) {
    this.#stream = stream;
    this.#codec = codec;
    this.#decoder = codec.decoder();
  }

  *[Symbol.iterator](): Generator<unknown, void, undefined> {
    const payloads = this.#stream[Symbol.iterator]();
    for (;;) {
      for (let next = this.#next(); next !== undefined; next = this.#next())
        yield now(this.#check(next.value));
      if (this.#ended) return;
      const result = payloads.next();
      this.#decode(result.done === true ? undefined : result.value);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    const payloads = this.#stream[Symbol.asyncIterator]();
    for (;;) {
      for (let next = this.#next(); next !== undefined; next = this.#next())
        yield await this.#check(next.value);
      if (this.#ended) return;
      const result = await payloads.next();
      this.#decode(result.done === true ? undefined : result.value);
    }
  }

  #decode(payload: Uint8Array | undefined): void {
    this.#ended = payload === undefined;
    this.#decoded = this.#try(
      () =>
        (payload === undefined ? this.#decoder.end() : this.#decoder.push(payload))[
          Symbol.iterator
        ]() as Iterator<unknown, void>,
    );
  }

  #next(): { readonly value: unknown } | undefined {
    const result = this.#try(() => this.#decoded.next());
    return result.done === true ? undefined : { value: result.value };
  }

  #check(value: unknown): unknown {
    return checked(this.#codec.schema, value, 'invalidArgument', inputName(this.#count++));
  }

  #try<T>(decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      const issue = { message: (error as Error).message, path: [] };
      throw issuesError('invalidArgument', inputName(this.#count), [issue]);
    }
  }
}

function* encodeSync(results: Iterable<unknown>, codec: AnyCodec): Generator<Uint8Array, void, undefined> {
  let count = 0;
  for (const result of results) {
    const name = outputName(count++);
    yield encoded(codec, now(checked(codec.schema, result, 'handlerFailed', name)), name);
  }
}

async function* encodeAsync(
  results: AsyncIterable<unknown>,
  codec: AnyCodec,
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0;
  for await (const result of results) {
    const name = outputName(count++);
    yield encoded(codec, await checked(codec.schema, result, 'handlerFailed', name), name);
  }
}

/** The payload of a value that the handler gave. @throws ModuleError `handlerFailed` for a value that can't be sent */
function encoded(codec: AnyCodec, value: unknown, name: string): Uint8Array {
  const payload = codec.encode(value);
  const problem = tooLargeFor(codec, payload);
  if (problem !== undefined) throw new ModuleError('handlerFailed', `${name}: ${problem}`);
  return payload;
}

function inputName(index: number): string {
  return `value ${index} of the input`;
}

function outputName(index: number): string {
  return `value ${index} of the output`;
}

/** The value as its schema gives it back; a promise of it if the schema checks asynchronously. */
function checked(
  schema: StandardSchema | undefined,
  value: unknown,
  code: 'invalidArgument' | 'handlerFailed',
  name: string,
): unknown {
  if (schema === undefined) return value;
  const accept = (result: StandardResult<unknown>): unknown => {
    if (result.issues !== undefined) throw issuesError(code, name, result.issues.map(issueOf));
    return result.value;
  };
  const result = schema['~standard'].validate(value);
  return 'then' in result ? Promise.resolve(result).then(accept) : accept(result);
}

/** The value itself. @throws ModuleError `handlerFailed` for a promise, because a synchronous handler can't wait for it */
function now(value: unknown): unknown {
  if (!(value instanceof Promise)) return value;
  // The promise is dropped, so its rejection must not count as unhandled.
  value.catch(() => {});
  throw new ModuleError(
    'handlerFailed',
    'the schema checks asynchronously, and a synchronous handler can’t wait for it; use an async generator',
  );
}
