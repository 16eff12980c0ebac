import type { ServerStream } from '../handle/server-stream.ts';
import type { HandlerMode, RequestHandler, StreamHandler, StreamResult } from '../module.ts';
import { checked, decoded, encoded, now, OnlyValue } from './checked.ts';
import type { AnyCodec } from './codec.ts';
import { DecodedInput } from './decoded-input.ts';
import type { Payload } from './payload.ts';

/** The values of a method, both ways. */
interface Payloads {
  readonly input: Payload;
  readonly output: Payload;
}

/** The stream handler that decodes the input, calls `handler` with it, and encodes what comes back. */
export function typedStreamHandler(
  { input, output }: Payloads,
  mode: HandlerMode,
  handler: (input: never, stream: ServerStream) => unknown,
): StreamHandler {
  const call = (value: unknown, stream: ServerStream): StreamResult => {
    const result = handler(value as never, stream);
    return output.single ? sendOne(result, output.codec, mode, stream) : encodeMany(result, output.codec);
  };
  return (stream) => {
    const values = new DecodedInput(stream, input);
    if (!input.single) return call(values, stream);
    if (mode === 'sync') return call(values.onlySync(), stream);
    // The driver of handlers takes chunks also from a promise.
    return values.only().then((value) => call(value, stream) as Promise<void>);
  };
}

/** The request handler that does the same for one body. */
export function typedRequestHandler<R extends { readonly body: Uint8Array }>(
  { input, output }: Payloads,
  mode: HandlerMode,
  handler: (input: never, request: R) => unknown,
): RequestHandler<R> {
  if (mode === 'sync') {
    return (request) => {
      const result = handler(now(valueOf(request.body, input.codec)) as never, request);
      if (isThenable(result)) return bodyLater(result, output.codec);
      return encoded(output.codec, now(checkedResult(result, output.codec)), RESULT);
    };
  }
  return async (request) =>
    bodyLater(handler((await valueOf(request.body, input.codec)) as never, request), output.codec);
}

const RESULT = 'the result';

function checkedResult(result: unknown, { schema }: AnyCodec): unknown {
  return checked(schema, result, 'handlerFailed', RESULT);
}

async function bodyLater(result: unknown, codec: AnyCodec): Promise<Uint8Array> {
  return encoded(codec, await checkedResult(await result, codec), RESULT);
}

/** The only value of a body; a promise of it if the schema checks asynchronously. @throws ModuleError `invalidArgument` */
function valueOf(body: Uint8Array, codec: AnyCodec): unknown {
  const only = new OnlyValue(codec, 'invalidArgument', 'the input');
  const decoder = codec.decoder();
  decoded('invalidArgument', 'the input', () => [...decoder.push(body), ...decoder.end()]).forEach((value) =>
    only.add(value),
  );
  return checked(codec.schema, only.take(), 'invalidArgument', 'the input');
}

/** Sends the result of a handler that returns its only value. */
function sendOne(
  result: unknown,
  codec: AnyCodec,
  mode: HandlerMode,
  stream: ServerStream,
): Promise<void> | void {
  if (mode === 'async' || isThenable(result))
    return bodyLater(result, codec).then((payload) => stream.send(payload));
  stream.sendSync(encoded(codec, now(checkedResult(result, codec)), RESULT));
}

/** The chunks of a handler that yields its values, or returns an iterable of them. */
function encodeMany(result: unknown, codec: AnyCodec): StreamResult {
  // Bytes are iterable, too, and a result that is no values at all is for the driver to complain of.
  if (typeof result !== 'object' || result === null || ArrayBuffer.isView(result))
    return result as StreamResult;
  if (Symbol.asyncIterator in result) return encodeAsync(result as AsyncIterable<unknown>, codec);
  if (Symbol.iterator in result) return encodeSync(result as Iterable<unknown>, codec);
  if (isThenable(result))
    return Promise.resolve(result).then((later) => encodeMany(later, codec) as Promise<void>);
  return result as StreamResult;
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

function outputName(index: number): string {
  return `value ${index} of the output`;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
