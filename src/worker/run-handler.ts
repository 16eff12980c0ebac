import type { StreamHandler } from '../module.ts';
import { SENT, type StreamHandle } from '../stream/stream-handle.ts';

/**
 * Runs a handler to its end: sends what its generator yields, or waits for its promise, then for the sends that it
 * left behind. Returns synchronously (`undefined`) when the handler is synchronous all the way, so that such a stream
 * costs no turn of the event loop.
 */
export function runHandler(handler: StreamHandler, stream: StreamHandle): Promise<void> | undefined {
  const result: unknown = handler(stream);
  if (isAsyncIterable(result)) return driveAsync(result, stream);
  if (isIterable(result)) driveSync(result, stream);
  else if (isThenable(result)) return awaitResult(result, stream);
  else checkNothing(result);
  return stream.hasPendingSends ? stream.drainSends() : undefined;
}

function driveSync(chunks: Iterable<unknown>, stream: StreamHandle): void {
  // Leaving the loop by a throw (no credit any more: cancelled) runs the generator's return(), so its finally.
  for (const chunk of chunks) stream.sendSync(chunk as Uint8Array);
}

async function driveAsync(chunks: AsyncIterable<unknown>, stream: StreamHandle): Promise<void> {
  for await (const chunk of chunks) {
    const sent = stream.send(chunk as Uint8Array);
    // Each promise costs, above all where the thread keeps track of whose it is.
    if (sent !== SENT) await sent;
  }
  await stream.drainSends();
}

async function awaitResult(result: PromiseLike<unknown>, stream: StreamHandle): Promise<void> {
  const value = await result;
  // A promise of an iterable: `async` around a function that returns a generator or a Web Stream.
  if (isAsyncIterable(value)) await driveAsync(value, stream);
  else if (isIterable(value)) driveSync(value, stream);
  else checkNothing(value);
  await stream.drainSends();
}

/** A result that would be lost without a word is a mistake of the author's. */
function checkNothing(value: unknown): void {
  if (value === undefined) return;
  const what = typeof value === 'object' && value !== null && isBytes(value) ? 'bytes' : `a ${typeof value}`;
  throw new TypeError(`the handler returned ${what}; it sends by yield or stream.send, and returns nothing`);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value && !isBytes(value);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && !isBytes(value);
}

/** A Uint8Array is iterable too; returning one by mistake must not send its numbers. */
function isBytes(value: object): boolean {
  return ArrayBuffer.isView(value);
}
