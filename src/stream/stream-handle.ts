import { ModuleError, type ErrorCode } from '../errors.ts';
import type { InvocationContext } from '../wire/context.ts';
import { MAX_DATA_BYTES } from '../wire/limits.ts';
import { ChunkQueue } from './chunk-queue.ts';
import { GrantBatch } from './credit.ts';
import { redactWhenPrinted } from './redacted-context.ts';
import type { ServerStream, Services, StreamLog } from './server-stream.ts';
import { readableOf, writableOf } from './web-streams.ts';

/** What a blocked handler waits for. */
export type BlockedOn = 'input' | 'credit' | 'room';

/** The stream's way out, injected: the handle knows no thread, no ring and no process. */
export interface StreamIo {
  /** The cause that ends the stream, once one is decided. Read in tight loops. */
  cause(): ErrorCode | undefined;
  /** One attempt: the frame is committed, or the host has given no credit, or there is no room to put it. */
  trySend(payload: Uint8Array): 'sent' | 'credit' | 'room';
  /** Grants the host `bytes` of further input. */
  grant(bytes: number): void;
  /** Blocks the thread until something may have changed. */
  block(on: BlockedOn): void;
  /** An asynchronous sender waits for `on`: {@link StreamHandle.retrySends} is to be called when it may go on. */
  awaitRoom(): void;
}

interface PendingSend {
  readonly payload: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

interface PendingRead {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (reason: Error) => void;
}

/** What `send` returns for a payload that left at once: one promise for all of them. */
export const SENT: Promise<void> = Promise.resolve();

/**
 * One stream as its handler sees it, and as the worker feeds it.
 *
 * Input is queued here, at most a window of it; credit goes back when the handler takes a chunk. Whatever blocks or
 * awaits ends as soon as a cause is decided.
 */
export class StreamHandle implements ServerStream {
  readonly deadline: Date | undefined;
  readonly log: StreamLog;
  readonly services: Services;
  readonly #io: StreamIo;
  readonly #context: InvocationContext;
  readonly #grants: GrantBatch;
  readonly #input = new ChunkQueue();
  #inputEnded = false;
  #reads: PendingRead[] = [];
  #sends: PendingSend[] = [];
  #stopReason: string | undefined;
  #stopError: ModuleError | undefined;
  #finished = false;
  #printable: InvocationContext | undefined;
  #abort: AbortController | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** @param window the first window of the input, in bytes */
  constructor(io: StreamIo, context: InvocationContext, window: number, log: StreamLog, services: Services) {
    this.#io = io;
    this.#context = context;
    this.#grants = new GrantBatch(window);
    this.deadline = context.deadlineUnixMs === 0 ? undefined : new Date(context.deadlineUnixMs);
    this.log = log;
    this.services = services;
  }

  get context(): InvocationContext {
    return (this.#printable ??= redactWhenPrinted(this.#context));
  }

  get cancelled(): boolean {
    return this.#io.cause() !== undefined;
  }

  throwIfCancelled(): void {
    const cause = this.#io.cause();
    if (cause !== undefined) throw this.#stopErrorFor(cause);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      const cause = this.#io.cause();
      if (cause !== undefined && !this.#finished) this.#abort.abort(this.#stopErrorFor(cause));
    }
    return this.#abort.signal;
  }

  get readable(): ReadableStream<Uint8Array> {
    return (this.#readable ??= readableOf(this));
  }

  get writable(): WritableStream<Uint8Array> {
    return (this.#writable ??= writableOf(this));
  }

  *[Symbol.iterator](): Generator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#takeSync();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#takeAsync(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
  }

  send(payload: Uint8Array): Promise<void> {
    try {
      this.#checkPayload(payload);
      if (this.#sends.length === 0) {
        const outcome = this.#io.trySend(payload);
        if (outcome === 'sent') return SENT;
        if (outcome === 'room') this.#io.awaitRoom();
      }
    } catch (error) {
      // A promise-returning method reports by its promise, also for what it finds at once.
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    return new Promise((resolve, reject) => this.#sends.push({ payload, resolve, reject }));
  }

  sendSync(payload: Uint8Array): void {
    this.#checkPayload(payload);
    if (this.#sends.length > 0) {
      throw new ModuleError(
        'invalidArgument',
        'sendSync after a send that was not awaited would overtake it; await the send',
      );
    }
    for (;;) {
      const outcome = this.#io.trySend(payload);
      if (outcome === 'sent') return;
      this.#io.block(outcome);
      this.throwIfCancelled();
    }
  }

  // The worker's side: what arrives for this stream.

  /** One Data payload. */
  deliver(chunk: Uint8Array): void {
    if (this.#finished || this.#inputEnded) return;
    const read = this.#reads.shift();
    if (read === undefined) {
      this.#input.push(chunk);
      return;
    }
    this.#taken(chunk);
    read.resolve({ done: false, value: chunk });
  }

  /** The host's half-close. */
  deliverEnd(): void {
    this.#inputEnded = true;
    for (const read of this.#reads.splice(0)) read.resolve({ done: true, value: undefined });
  }

  /** Credit or room may have come: sends that wait try again, in order. */
  retrySends(): void {
    while (!this.#finished) {
      const next = this.#sends[0];
      if (next === undefined) return;
      const cause = this.#io.cause();
      // The word is ahead of the message that says why; nothing may be sent behind it.
      if (cause !== undefined) return this.#rejectAll(this.#stopErrorFor(cause));
      const outcome = this.#io.trySend(next.payload);
      if (outcome !== 'sent') {
        if (outcome === 'room') this.#io.awaitRoom();
        return;
      }
      this.#sends.shift();
      next.resolve();
    }
  }

  /** A cause was decided: everything that waits ends, and the signal fires. @param reason for a person */
  stop(cause: ErrorCode, reason: string): void {
    if (this.#finished) return;
    this.#stopReason = reason;
    const error = this.#stopErrorFor(cause);
    this.#rejectAll(error);
    this.#input.clear();
    this.#abort?.abort(error);
  }

  /** The error that goes with a decided cause; the reason, once it is here. */
  #stopErrorFor(cause: ErrorCode): ModuleError {
    if (
      this.#stopError === undefined ||
      (this.#stopReason !== undefined && !this.#stopError.message.includes(this.#stopReason))
    ) {
      this.#stopError = new ModuleError(cause, this.#stopReason ?? `the stream has ended: ${cause}`);
    }
    return this.#stopError;
  }

  /** What the terminal frame says for a decided cause. */
  stopMessage(cause: ErrorCode): string {
    return this.#stopErrorFor(cause).message;
  }

  /** Whether sends wait that the handler didn't await. */
  get hasPendingSends(): boolean {
    return this.#sends.length > 0;
  }

  /** Resolves when the sends that the handler left behind are out, or rejects with what prevents them. */
  async drainSends(): Promise<void> {
    const last = this.#sends.at(-1);
    if (last === undefined) return;
    await new Promise<void>((resolve, reject) => {
      const { resolve: inner, reject: innerReject } = last;
      this.#sends[this.#sends.length - 1] = {
        payload: last.payload,
        resolve: () => {
          inner();
          resolve();
        },
        reject: (reason) => {
          innerReject(reason);
          reject(reason);
        },
      };
    });
  }

  /** The terminal frame is decided: nothing more goes out, and whatever the handler left behind fails. */
  finish(): void {
    this.#finished = true;
    this.#input.clear();
    // An error takes its stack along, which costs more than the rest of an empty stream.
    if (this.#reads.length > 0 || this.#sends.length > 0) {
      this.#rejectAll(new ModuleError('unavailable', 'the stream has ended'));
    }
  }

  #rejectAll(error: ModuleError): void {
    for (const read of this.#reads.splice(0)) read.reject(error);
    for (const send of this.#sends.splice(0)) send.reject(error);
  }

  #checkPayload(payload: Uint8Array): void {
    if (this.#finished)
      throw new ModuleError('unavailable', 'the stream has ended; nothing more can be sent');
    this.throwIfCancelled();
    // From JavaScript anything can come here, whatever the type says.
    const given: unknown = payload;
    if (!(given instanceof Uint8Array)) {
      throw new ModuleError('invalidArgument', `a stream sends Uint8Array chunks, not ${describe(given)}`);
    }
    if (given.length > MAX_DATA_BYTES) {
      throw new ModuleError(
        'invalidArgument',
        `a chunk of ${given.length} bytes is over the limit of ${MAX_DATA_BYTES}; send it in parts`,
      );
    }
  }

  #takeSync(): Uint8Array | undefined {
    for (;;) {
      this.throwIfCancelled();
      if (this.#finished) return undefined;
      const chunk = this.#input.shift();
      if (chunk !== undefined) {
        this.#taken(chunk);
        return chunk;
      }
      if (this.#inputEnded) return undefined;
      this.#io.block('input');
    }
  }

  #takeAsync(): Promise<IteratorResult<Uint8Array, undefined>> {
    const cause = this.#io.cause();
    if (cause !== undefined) return Promise.reject(this.#stopErrorFor(cause));
    const chunk = this.#input.shift();
    if (chunk !== undefined) {
      this.#taken(chunk);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#inputEnded || this.#finished) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#reads.push({ resolve, reject }));
  }

  #taken(chunk: Uint8Array): void {
    // After the host's close it can't use credit any more.
    if (this.#inputEnded) return;
    const grant = this.#grants.took(chunk.length);
    if (grant > 0) this.#io.grant(grant);
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? (value.constructor?.name ?? 'an object') : `a ${typeof value}`;
}
