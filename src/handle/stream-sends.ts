import { ModuleError } from '../errors.ts';
import { byteLength, bytesAdvice, bytesOf, kindName, partsOf } from '../base/typed-array.ts';
import { MAX_DATA_BYTES } from '../wire/flow-limits.ts';
import type { StreamLog } from './server-stream.ts';
import { endedError, type StreamEnding } from './stream-ending.ts';
import type { StreamIo } from './stream-io.ts';

interface PendingSend {
  readonly payload: Uint8Array;
  readonly length: number;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** The promise that `send` returns for a payload that left at once. All such sends share it. */
export const SENT: Promise<void> = Promise.resolve();

/** The output of a stream. A chunk leaves at once if there is credit and room; otherwise it waits in a queue, in order. */
export class StreamSends {
  readonly #io: StreamIo;
  readonly #ending: StreamEnding;
  #waiting: PendingSend[] | undefined;
  /** The promise of the last send that had to wait. It settles after all earlier ones. */
  #lastWaiting: Promise<void> | undefined;
  /** The first error of a send that had to wait, other than the stream's own end. */
  #failure: Error | undefined;
  readonly #warner: { readonly log: StreamLog };
  #hasWarned = false;

  /** @param warner has the log for the one warning of sends after the end */
  constructor(io: StreamIo, ending: StreamEnding, warner: { readonly log: StreamLog }) {
    this.#io = io;
    this.#ending = ending;
    this.#warner = warner;
  }

  /** As `ServerStream.send`. */
  send(payload: Uint8Array): Promise<void> {
    try {
      if (!(payload instanceof Uint8Array)) return this.send(toBytes(payload));
      const length = this.#check(payload);
      return length > MAX_DATA_BYTES ? this.#putParts(payload, length) : this.#put(payload, length);
    } catch (error) {
      // A method that returns a promise reports every error by the promise, also an error that it finds at once.
      const failed = Promise.reject(asError(error));
      // The decided cause ends the stream anyway, and a send after the end was warned of, so these rejections may be ignored. Any
      // other mistake of the author's must not be: it stays an unhandled rejection if nobody looks at the promise.
      if (this.#ending.isOwn(error) || this.#ending.isFinished) failed.catch(() => {});
      return failed;
    }
  }

  /** As `ServerStream.sendSync`. */
  sendSync(payload: Uint8Array): void {
    if (!(payload instanceof Uint8Array)) return this.sendSync(toBytes(payload));
    const length = this.#check(payload);
    if (this.#waiting !== undefined) {
      throw new ModuleError(
        'handlerFailed',
        'sendSync after a send that was not awaited would overtake it; await the send',
      );
    }
    if (length <= MAX_DATA_BYTES) return this.#putSync(payload, length);
    try {
      for (const part of partsOf(payload, length, MAX_DATA_BYTES)) this.#putSync(part, byteLength(part));
    } catch (error) {
      throw this.#brokeOff(error);
    }
  }

  /** As `ServerStream.trySend`. */
  trySend(payload: Uint8Array): boolean {
    const chunk = payload instanceof Uint8Array ? payload : toBytes(payload);
    if (this.#ending.isFinished || this.#ending.cause !== undefined || this.#waiting !== undefined)
      return false;
    const length = lengthOf(chunk);
    if (length <= MAX_DATA_BYTES) return this.#io.trySend(chunk, length) === 'sent';
    const parts = partsOf(chunk, length, MAX_DATA_BYTES);
    const first = parts.next().value;
    if (first === undefined || this.#io.trySend(first, MAX_DATA_BYTES) !== 'sent') return false;
    // Copies, because the handler may use its buffer again at once. An error of these is kept for `drain`.
    for (const part of parts) void this.#put(part.slice(), byteLength(part));
    return true;
  }

  /** Sends a chunk that fits a frame at once, or queues it after the others. */
  #put(payload: Uint8Array, length: number): Promise<void> {
    if (this.#waiting === undefined) {
      const outcome = this.#io.trySend(payload, length);
      if (outcome === 'sent') return SENT;
      if (outcome === 'room') this.#io.awaitRoom();
    }
    const sent = new Promise<void>((resolve, reject) =>
      (this.#waiting ??= []).push({ payload, length, resolve, reject }),
    );
    this.#lastWaiting = sent;
    // A handler may never look at this promise. The code that ends the stream learns of the failure from `drain`.
    sent.catch(() => {});
    return sent;
  }

  #putSync(payload: Uint8Array, length: number): void {
    for (;;) {
      const outcome = this.#io.trySend(payload, length);
      if (outcome === 'sent') return;
      this.#io.block(outcome);
      this.#ending.throwIfOver();
    }
  }

  /** Sends a chunk that is larger than a frame as several, with nothing between them. @returns the last one's promise */
  #putParts(payload: Uint8Array, length: number): Promise<void> {
    let sent = SENT;
    try {
      for (const part of partsOf(payload, length, MAX_DATA_BYTES)) sent = this.#put(part, byteLength(part));
    } catch (error) {
      const failure = this.#brokeOff(error);
      this.fail(failure);
      throw failure;
    }
    return sent;
  }

  /**
   * Records that the host may have the beginning of a chunk without its end. Even if the handler goes on, its stream must not close
   * as if all had gone well.
   */
  #brokeOff(error: unknown): Error {
    const failure = asError(error);
    if (!this.#ending.isOwn(error)) this.#failure ??= failure;
    return failure;
  }

  /** Credit or room may have come, so the sends that wait try again, in order. */
  retry(): void {
    while (!this.#ending.isFinished) {
      const next = this.#waiting?.[0];
      if (next === undefined) return;
      const error = this.#ending.error;
      // The shared word with the cause arrives before the message with the reason. Once it is there, nothing more may be sent.
      if (error !== undefined) return this.fail(error);
      let outcome: 'sent' | 'credit' | 'room';
      try {
        outcome = this.#io.trySend(next.payload, next.length);
      } catch (thrown) {
        // Nothing may be sent after a gap, and the stream of a handler that didn't await its sends must not close as if all had
        // gone well.
        this.#failure ??= asError(thrown);
        return this.fail(this.#failure);
      }
      if (outcome !== 'sent') {
        if (outcome === 'room') this.#io.awaitRoom();
        return;
      }
      this.#waiting?.shift();
      if (this.#waiting?.length === 0) this.#waiting = undefined;
      next.resolve();
    }
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether {@link drain} has a send to wait for, or an error to fail with. */
  get isPending(): boolean {
    return this.#waiting !== undefined || this.#failure !== undefined;
  }

  /** Resolves when the sends that wait have left, or rejects with the error that prevents it. */
  async drain(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting !== undefined) await this.#lastWaiting;
  }

  /** Fails the sends that wait. */
  fail(error: Error): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const send of waiting) send.reject(error);
  }

  /** @returns the payload's length in bytes; it is read only once, since the handler may change it later */
  #check(payload: Uint8Array): number {
    this.#ending.throwIfStopped();
    if (this.#ending.isFinished) {
      this.#warnOnce();
      throw endedError();
    }
    return lengthOf(payload);
  }

  #warnOnce(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#warner.log.warn(
      'the handler has sent something after its stream had ended; that is dropped, and so is all that follows',
    );
  }
}

/** @throws ModuleError `handlerFailed` for a value that only looks like a Uint8Array */
function lengthOf(payload: Uint8Array): number {
  try {
    return byteLength(payload);
  } catch {
    throw noBytes(payload);
  }
}

/**
 * The bytes that a handler gave; from JavaScript it may give any value.
 *
 * @throws ModuleError `handlerFailed` for a value that is no bytes
 */
function toBytes(given: unknown): Uint8Array {
  const bytes = bytesOf(given);
  if (bytes === undefined) throw noBytes(given);
  return bytes;
}

function noBytes(given: unknown): ModuleError {
  const message = `a stream sends bytes (a Uint8Array), not ${kindName(given)}${bytesAdvice(given)}`;
  return new ModuleError('handlerFailed', message);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
