import type { StreamHandler } from '../../module.ts';
import type { StreamHandle } from '../../handle/stream-handle.ts';
import { SENT } from '../../handle/stream-sends.ts';

/** The receiver of a handler's end. Exactly one of its two methods is called, once. */
export interface HandlerEnd {
  returned(): void;
  threw(thrown: unknown): void;
}

/**
 * Runs a handler to its end. It sends the chunks that a generator yields, or waits for a promise, and then for the sends that the
 * handler didn't await.
 *
 * @param end is told later, but not if the handler was synchronous all the way, so that such a stream costs no turn of the event
 *   loop
 * @returns whether the handler and all its sends have already ended
 * @throws what a synchronous handler throws
 */
export function startHandler(handler: StreamHandler, stream: StreamHandle, end: HandlerEnd): boolean {
  const result: unknown = handler(stream);
  if (isAsyncIterable(result) || isIterable(result) || !isThenable(result)) return send(result, stream, end);
  Promise.resolve(result).then(
    // The value may be an iterable, if the handler is an `async` function that returns a generator or a Web Stream.
    (value) => {
      attempt(end, () => sendLater(value, stream, end));
    },
    (thrown: unknown) => end.threw(thrown),
  );
  return false;
}

/** As {@link startHandler}, with a promise for the end; `undefined` if the handler and all its sends have already ended. */
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

/** Sends all chunks of the handler's result. @returns whether all of them have left */
function send(result: unknown, stream: StreamHandle, end: HandlerEnd): boolean {
  if (isAsyncIterable(result)) {
    new AsyncDrive(result[Symbol.asyncIterator](), stream, end).next();
    return false;
  }
  if (isIterable(result)) driveSync(result, stream);
  else checkNothing(result);
  return sendRest(stream, end);
}

/** As {@link send}, for the result of a promise: others share the thread, so no send may block it. */
function sendLater(result: unknown, stream: StreamHandle, end: HandlerEnd): boolean {
  if (!isIterable(result) || isAsyncIterable(result)) return send(result, stream, end);
  new AsyncDrive(result[Symbol.iterator](), stream, end).next();
  return false;
}

/** Waits for the sends that the handler didn't await. @returns whether none is left */
function sendRest(stream: StreamHandle, end: HandlerEnd): boolean {
  if (!stream.hasPendingSends) return true;
  stream.drainSends().then(
    () => end.returned(),
    (thrown: unknown) => end.threw(thrown),
  );
  return false;
}

/**
 * Takes a step that nobody waits for, so that its error must be passed to `end`.
 *
 * @param step returns whether the handler is over
 */
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
  // Leaving the loop by a throw, for example after a cancel, runs the generator's `return()`, and with it its `finally`.
  for (const chunk of chunks) stream.sendSync(chunk as Uint8Array);
}

/**
 * Does the work of a `for await` loop with a send in it, step by step. A stream that waits for its next chunk then holds only this
 * object and two functions, instead of a suspended function with its promises. Each promise costs memory and time, above all
 * because the thread tracks which job a promise belongs to.
 */
class AsyncDrive {
  readonly #chunks: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #stream: StreamHandle;
  readonly #end: HandlerEnd;
  readonly #onChunk = (result: IteratorResult<unknown>): void => {
    attempt(this.#end, () => this.#took(result));
  };
  readonly #onFailure = (thrown: unknown): void => this.#end.threw(thrown);

  constructor(chunks: Iterator<unknown> | AsyncIterator<unknown>, stream: StreamHandle, end: HandlerEnd) {
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

  /**
   * Leaves the loop: runs the generator's `return()`, and with it its `finally`. An error of these is ignored, because the first
   * error counts.
   */
  async #leave(thrown: unknown): Promise<void> {
    try {
      await this.#chunks.return?.();
    } catch {
      // Ignored, because the first error counts.
    }
    this.#end.threw(thrown);
  }
}

/**
 * Throws for a result that is neither chunks nor nothing. It is the author's mistake, and without an error the result would be lost
 * silently.
 */
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

/**
 * Whether a result is bytes. A Uint8Array is iterable, too, so a handler that returns one by mistake must not send its numbers as
 * chunks.
 */
function isBytes(value: object): boolean {
  return ArrayBuffer.isView(value);
}
