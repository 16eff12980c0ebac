import { ModuleError, type ErrorCode } from '../errors.ts';
import type { InvocationContext } from '../wire/context.ts';
import { byteLength } from '../wire/byte-length.ts';
import { MAX_DATA_BYTES } from '../wire/limits.ts';
import { Queue } from './queue.ts';
import { GrantBatch } from './credit.ts';
import { redactWhenPrinted } from './redacted-context.ts';
import type { ServerStream, Services, StreamLog } from './server-stream.ts';
import type { StreamIo } from './stream-io.ts';
import { readableOf, writableOf } from './web-streams.ts';

interface PendingSend {
  readonly payload: Uint8Array;
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

type ReadResult = IteratorResult<Uint8Array, undefined>;
/** Ends a read that waits; with a promise that is rejected, by its error. */
type PendingRead = (result: ReadResult | Promise<ReadResult>) => void;

/** What `send` returns for a payload that left at once: one promise for all of them. */
export const SENT: Promise<void> = Promise.resolve();

/**
 * One stream as its handler sees it, and as the worker feeds it.
 *
 * Input is queued here, at most a window of it; credit goes back when the handler takes a chunk. Whatever blocks or
 * awaits ends as soon as a cause is decided.
 */
export class StreamHandle implements ServerStream {
  readonly #io: StreamIo;
  readonly #context: InvocationContext;
  readonly #grants: GrantBatch;
  // What most streams don't need most of the time is made when they do: there may be thousands that only wait.
  #input: Queue<Uint8Array> | undefined;
  #inputEnded = false;
  #read: PendingRead | undefined;
  /** Reads behind it: a handler needn't await one before it asks for the next. */
  #moreReads: PendingRead[] | undefined;
  #sends: PendingSend[] | undefined;
  /** What a send failed with that had to wait, other than the stream's own end. */
  #sendFailure: Error | undefined;
  #stopReason: string | undefined;
  #stopError: ModuleError | undefined;
  /** What it says, whatever the handler has made of it. */
  #stopText: string | undefined;
  #finished = false;
  /** The cause as it was at the end: the word that it is read from may be another stream's by now. */
  #lastCause: ErrorCode | undefined;
  #printable: InvocationContext | undefined;
  #log: StreamLog | undefined;
  #services: Services | undefined;
  #abort: AbortController | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** @param window the first window of the input, in bytes */
  constructor(io: StreamIo, context: InvocationContext, window: number) {
    this.#io = io;
    this.#context = context;
    this.#grants = new GrantBatch(window);
  }

  get context(): InvocationContext {
    return (this.#printable ??= redactWhenPrinted(this.#context));
  }

  get deadline(): Date | undefined {
    const { deadlineUnixMs } = this.#context;
    return deadlineUnixMs === 0 ? undefined : new Date(deadlineUnixMs);
  }

  get log(): StreamLog {
    return (this.#log ??= this.#io.log());
  }

  get services(): Services {
    return (this.#services ??= this.#io.services());
  }

  get cancelled(): boolean {
    return this.#cause !== undefined;
  }

  throwIfCancelled(): void {
    this.#throwIfStopped();
    if (this.#finished) throw new ModuleError('unavailable', 'the stream has ended');
  }

  get #cause(): ErrorCode | undefined {
    return this.#finished ? this.#lastCause : this.#io.cause();
  }

  #throwIfStopped(): void {
    const cause = this.#cause;
    if (cause !== undefined) throw this.#stopErrorFor(cause);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      const cause = this.#cause;
      if (cause !== undefined) this.#abort.abort(this.#stopErrorFor(cause));
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
    return new InputIterator(this);
  }

  send(payload: Uint8Array): Promise<void> {
    let length: number;
    try {
      length = this.#checkPayload(payload);
      if (this.#sends === undefined) {
        const outcome = this.#io.trySend(payload, length);
        if (outcome === 'sent') return SENT;
        if (outcome === 'room') this.#io.awaitRoom();
      }
    } catch (error) {
      // A promise-returning method reports by its promise, also for what it finds at once.
      const failed = Promise.reject(asError(error));
      // The cause is the stream's end, whoever looks; a mistake of the author's is heard also where nobody does.
      if (error === this.#stopError) failed.catch(() => {});
      return failed;
    }
    const sent = new Promise<void>((resolve, reject) =>
      (this.#sends ??= []).push({ payload, length, resolve, reject }),
    );
    // A handler may leave it behind: whoever ends the stream hears of its failure from drainSends.
    sent.catch(() => {});
    return sent;
  }

  sendSync(payload: Uint8Array): void {
    const length = this.#checkPayload(payload);
    if (this.#sends !== undefined) {
      throw new ModuleError(
        'invalidArgument',
        'sendSync after a send that was not awaited would overtake it; await the send',
      );
    }
    for (;;) {
      const outcome = this.#io.trySend(payload, length);
      if (outcome === 'sent') return;
      this.#io.block(outcome);
      this.throwIfCancelled();
    }
  }

  // The worker's side: what arrives for this stream.

  /** One Data payload. */
  deliver(chunk: Uint8Array): void {
    if (this.#finished || this.#inputEnded) return;
    const read = this.#read;
    if (read === undefined) {
      (this.#input ??= new Queue<Uint8Array>()).push(chunk);
      return;
    }
    this.#read = this.#moreReads?.shift();
    this.#taken(chunk);
    read({ done: false, value: chunk });
  }

  /** The host's half-close. */
  deliverEnd(): void {
    this.#inputEnded = true;
    for (const read of this.#takeReads()) read({ done: true, value: undefined });
  }

  /** Credit or room may have come: sends that wait try again, in order. */
  retrySends(): void {
    while (!this.#finished) {
      const next = this.#sends?.[0];
      if (next === undefined) return;
      const cause = this.#io.cause();
      // The word is ahead of the message that says why; nothing may be sent behind it.
      if (cause !== undefined) return this.#rejectAll(this.#stopErrorFor(cause));
      let outcome: 'sent' | 'credit' | 'room';
      try {
        outcome = this.#io.trySend(next.payload, next.length);
      } catch (error) {
        // Nothing may follow on a gap, and a handler that has left its sends behind must not end as if all had gone well.
        this.#sendFailure ??= asError(error);
        return this.#rejectSends(this.#sendFailure);
      }
      if (outcome !== 'sent') {
        if (outcome === 'room') this.#io.awaitRoom();
        return;
      }
      this.#sends?.shift();
      if (this.#sends?.length === 0) this.#sends = undefined;
      next.resolve();
    }
  }

  /** A cause was decided: everything that waits ends, and the signal fires. @param reason for a person */
  stop(cause: ErrorCode, reason: string): void {
    // Also of a finished stream: its terminal frame may still wait for room.
    if (reason !== '') this.#stopReason = reason;
    if (this.#finished) return;
    const error = this.#stopErrorFor(cause);
    this.#rejectAll(error);
    this.#input = undefined;
    this.#abort?.abort(error);
  }

  /** The error that goes with a decided cause; the reason, once it is here. */
  #stopErrorFor(cause: ErrorCode): ModuleError {
    const text = this.stopMessage(cause);
    if (this.#stopError === undefined || this.#stopText !== text) {
      this.#stopText = text;
      this.#stopError = new ModuleError(cause, text);
    }
    return this.#stopError;
  }

  /** What the terminal frame says for a decided cause. */
  stopMessage(cause: ErrorCode): string {
    return this.#stopReason ?? `the stream has ended: ${cause}`;
  }

  /** Whether sends wait that the handler didn't await. */
  get hasPendingSends(): boolean {
    return this.#sends !== undefined || this.#sendFailure !== undefined;
  }

  /** Resolves when the sends that the handler left behind are out, or rejects with what prevents them. */
  async drainSends(): Promise<void> {
    if (this.#sendFailure !== undefined) throw this.#sendFailure;
    const sends = this.#sends;
    const last = sends?.at(-1);
    if (sends === undefined || last === undefined) return;
    await new Promise<void>((resolve, reject) => {
      const { resolve: inner, reject: innerReject } = last;
      sends[sends.length - 1] = {
        ...last,
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
    this.#lastCause = this.#cause;
    this.#finished = true;
    this.#input = undefined;
    // An error takes its stack along, which costs more than the rest of an empty stream.
    if (this.#read !== undefined || this.#sends !== undefined) {
      this.#rejectAll(new ModuleError('unavailable', 'the stream has ended'));
    }
  }

  #rejectAll(error: ModuleError): void {
    for (const read of this.#takeReads()) read(Promise.reject(error));
    this.#rejectSends(error);
  }

  #rejectSends(error: Error): void {
    const sends = this.#sends ?? [];
    this.#sends = undefined;
    for (const send of sends) send.reject(error);
  }

  /** The reads that wait, which whoever calls ends. */
  #takeReads(): PendingRead[] {
    const reads = this.#read === undefined ? [] : [this.#read, ...(this.#moreReads ?? [])];
    this.#read = this.#moreReads = undefined;
    return reads;
  }

  /** @returns the payload's length: read once, since what it says may change */
  #checkPayload(payload: Uint8Array): number {
    if (this.#finished)
      throw new ModuleError('unavailable', 'the stream has ended; nothing more can be sent');
    this.#throwIfStopped();
    // From JavaScript anything can come here, whatever the type says.
    const given: unknown = payload;
    if (!(given instanceof Uint8Array)) {
      throw new ModuleError('invalidArgument', `a stream sends Uint8Array chunks, not ${describe(given)}`);
    }
    const length = byteLength(given);
    if (length > MAX_DATA_BYTES) {
      throw new ModuleError(
        'invalidArgument',
        `a chunk of ${length} bytes is over the limit of ${MAX_DATA_BYTES}; send it in parts`,
      );
    }
    return length;
  }

  #takeSync(): Uint8Array | undefined {
    for (;;) {
      this.#throwIfStopped();
      if (this.#finished) return undefined;
      const chunk = this.#input?.shift();
      if (chunk !== undefined) {
        this.#taken(chunk);
        return chunk;
      }
      if (this.#inputEnded) return undefined;
      this.#io.block('input');
    }
  }

  /** The next chunk, or the end. */
  take(): Promise<ReadResult> {
    const cause = this.#cause;
    if (cause !== undefined) return Promise.reject(this.#stopErrorFor(cause));
    const chunk = this.#input?.shift();
    if (chunk !== undefined) {
      this.#taken(chunk);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#inputEnded || this.#finished) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      if (this.#read === undefined) this.#read = resolve;
      else (this.#moreReads ??= []).push(resolve);
    });
  }

  #taken(chunk: Uint8Array): void {
    // After the host's close it can't use credit any more.
    if (this.#inputEnded) return;
    const grant = this.#grants.took(chunk.length);
    if (grant > 0) this.#io.grant(grant);
  }
}

/** The input as `for await` takes it. Leaving the loop leaves the stream as it is. */
class InputIterator implements AsyncIterator<Uint8Array, undefined> {
  readonly #stream: StreamHandle;

  constructor(stream: StreamHandle) {
    this.#stream = stream;
  }

  next(): Promise<ReadResult> {
    return this.#stream.take();
  }

  return(): Promise<ReadResult> {
    return Promise.resolve({ done: true, value: undefined });
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? (value.constructor?.name ?? 'an object') : `a ${typeof value}`;
}
