import { GrantBatch } from '../wire/credit.ts';
import { Queue } from '../base/queue.ts';
import type { StreamEnding } from './stream-ending.ts';
import type { StreamIo } from './stream-io.ts';

type ReadResult = IteratorResult<Uint8Array, undefined>;
/** Settles a read that waits. Given a rejected promise, the read fails with its error. */
type PendingRead = (result: ReadResult | Promise<ReadResult>) => void;

/**
 * The input of a stream. Either chunks wait for the handler, at most a window of them, or reads wait for chunks. Credit is granted
 * back when the handler takes a chunk.
 */
export class StreamInput implements Iterable<Uint8Array>, AsyncIterable<Uint8Array> {
  readonly #io: StreamIo;
  readonly #ending: StreamEnding;
  readonly #grants: GrantBatch;
  // Parts that most streams don't need most of the time are made on first use, because thousands of streams may only wait.
  #chunks: Queue<Uint8Array> | undefined;
  #isClosed = false;
  #read: PendingRead | undefined;
  /** Reads that came after `#read` and still wait, since a handler needn't await one read before it asks for the next. */
  #moreReads: PendingRead[] | undefined;

  /** @param window the first window, in bytes */
  constructor(io: StreamIo, ending: StreamEnding, window: number) {
    this.#io = io;
    this.#ending = ending;
    this.#grants = new GrantBatch(window);
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#takeSync();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return new AsyncInput(this);
  }

  /** One Data payload. */
  deliver(chunk: Uint8Array): void {
    if (this.#ending.isFinished || this.#isClosed) return;
    const read = this.#read;
    if (read === undefined) {
      (this.#chunks ??= new Queue<Uint8Array>()).push(chunk);
      return;
    }
    this.#read = this.#moreReads?.shift();
    this.#taken(chunk);
    read({ done: false, value: chunk });
  }

  /** The host's half-close. */
  close(): void {
    this.#isClosed = true;
    for (const read of this.#takeReads()) read({ done: true, value: undefined });
  }

  /** Resolves with the next chunk, or with the end of the input. */
  take(): Promise<ReadResult> {
    const error = this.#ending.error;
    if (error !== undefined) return Promise.reject(error);
    const chunk = this.#chunks?.shift();
    if (chunk !== undefined) {
      this.#taken(chunk);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#isClosed || this.#ending.isFinished) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      if (this.#read === undefined) this.#read = resolve;
      else (this.#moreReads ??= []).push(resolve);
    });
  }

  /** Whether reads wait for a chunk. */
  get isAwaited(): boolean {
    return this.#read !== undefined;
  }

  /** Drops the chunks that nobody will take any more. */
  drop(): void {
    this.#chunks = undefined;
  }

  /** Fails the reads that wait. */
  fail(error: Error): void {
    for (const read of this.#takeReads()) read(Promise.reject(error));
  }

  #takeSync(): Uint8Array | undefined {
    for (;;) {
      this.#ending.throwIfStopped();
      if (this.#ending.isFinished) return undefined;
      const chunk = this.#chunks?.shift();
      if (chunk !== undefined) {
        this.#taken(chunk);
        return chunk;
      }
      if (this.#isClosed) return undefined;
      this.#io.block('input');
    }
  }

  #taken(chunk: Uint8Array): void {
    // The host can't use credit after it has closed its side.
    if (this.#isClosed) return;
    const grant = this.#grants.took(chunk.length);
    if (grant > 0) this.#io.grant(grant);
  }

  /** Takes the reads that wait out of the list. The caller settles them. */
  #takeReads(): PendingRead[] {
    const reads = this.#read === undefined ? [] : [this.#read, ...(this.#moreReads ?? [])];
    this.#read = this.#moreReads = undefined;
    return reads;
  }
}

/** The iterator that `for await` uses. Its `return()` does nothing, so the stream stays as it is when the loop is left. */
class AsyncInput implements AsyncIterator<Uint8Array, undefined> {
  readonly #input: StreamInput;

  constructor(input: StreamInput) {
    this.#input = input;
  }

  next(): Promise<ReadResult> {
    return this.#input.take();
  }

  return(): Promise<ReadResult> {
    return Promise.resolve({ done: true, value: undefined });
  }
}
