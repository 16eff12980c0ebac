import type { StreamHandler } from '../../module.ts';
import type { StreamHandle } from '../../handle/stream-handle.ts';
import { SENT } from '../../handle/stream-sends.ts';

/** Who is told of a handler's end: one of the two, once. */
export interface HandlerEnd {
  returned(): void;
  threw(thrown: unknown): void;
}

/**
 * Runs a handler to its end: sends what its generator yields, or waits for its promise, then for the sends that it
 * left behind.
 *
 * @param end is told later; it isn't where the handler was synchronous all the way, so that such a stream costs no turn of the
 *   event loop
 * @returns whether all of it has happened
 * @throws what a synchronous handler throws
 */
export function startHandler(handler: StreamHandler, stream: StreamHandle, end: HandlerEnd): boolean {
  const result: unknown = handler(stream);
  if (isAsyncIterable(result) || isIterable(result) || !isThenable(result)) return send(result, stream, end);
  Promise.resolve(result).then(
    // May be an iterable: `async` around a function that returns a generator or a Web Stream.
    (value) => {
      attempt(end, () => send(value, stream, end));
    },
    (thrown: unknown) => end.threw(thrown),
  );
  return false;
}

/** As {@link startHandler}, for who wants a promise; `undefined`: all of it has happened. */
export function runHandler(handler: StreamHandler, stream: StreamHandle): Promise<void> | undefined {
  let isOver = false;
  let thrown: { readonly error: unknown } | undefined;
  const later = new Promise<void>((returned, threw) => {
    try {
      isOver = startHandler(handler, stream, { returned, threw });
    } catch (error) {
      thrown = { error };
    }
  });
  if (thrown !== undefined) throw thrown.error;
  return isOver ? undefined : later;
}

/** Sends all that a handler gave back. @returns whether it has left */
function send(result: unknown, stream: StreamHandle, end: HandlerEnd): boolean {
  if (isAsyncIterable(result)) {
    new AsyncDrive(result[Symbol.asyncIterator](), stream, end).next();
    return false;
  }
  if (isIterable(result)) driveSync(result, stream);
  else checkNothing(result);
  return sendRest(stream, end);
}

/** @returns whether nothing is left of what the handler didn't await */
function sendRest(stream: StreamHandle, end: HandlerEnd): boolean {
  if (!stream.hasPendingSends) return true;
  stream.drainSends().then(
    () => end.returned(),
    (thrown: unknown) => end.threw(thrown),
  );
  return false;
}

/** Takes a step that nobody waits for. @param step returns whether the handler is over */
function attempt(end: HandlerEnd, step: () => boolean): void {
  let isOver: boolean;
  try {
    isOver = step();
  } catch (thrown) {
    return end.threw(thrown);
  }
  if (isOver) end.returned();
}

function driveSync(chunks: Iterable<unknown>, stream: StreamHandle): void {
  // Leaving the loop by a throw (no credit any more: cancelled) runs the generator's return(), so its finally.
  for (const chunk of chunks) stream.sendSync(chunk as Uint8Array);
}

/**
 * What `for await` with a send in it does, step by step. A stream that waits for its next chunk then holds this and two
 * functions instead of a suspended function with its promises, each of which costs, above all where the thread keeps track
 * of whose it is.
 */
class AsyncDrive {
  readonly #chunks: AsyncIterator<unknown>;
  readonly #stream: StreamHandle;
  readonly #end: HandlerEnd;
  readonly #onChunk = (result: IteratorResult<unknown>): void => {
    attempt(this.#end, () => this.#took(result));
  };
  readonly #onFailure = (thrown: unknown): void => this.#end.threw(thrown);

  constructor(chunks: AsyncIterator<unknown>, stream: StreamHandle, end: HandlerEnd) {
    this.#chunks = chunks;
    this.#stream = stream;
    this.#end = end;
  }

  next(): void {
    Promise.resolve(this.#chunks.next()).then(this.#onChunk, this.#onFailure);
  }

  #took({ done, value }: IteratorResult<unknown>): boolean {
    if (done === true) return sendRest(this.#stream, this.#end);
    const sent = this.#stream.send(value as Uint8Array);
    if (sent === SENT) this.next();
    else {
      sent.then(
        () => attempt(this.#end, () => (this.next(), false)),
        (thrown: unknown) => void this.#leave(thrown),
      );
    }
    return false;
  }

  /** The loop is left: the generator's `return()` runs, so its `finally`, and what it throws doesn't count. */
  async #leave(thrown: unknown): Promise<void> {
    try {
      await this.#chunks.return?.();
    } catch {
      // The first error is the one that counts.
    }
    this.#end.threw(thrown);
  }
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
