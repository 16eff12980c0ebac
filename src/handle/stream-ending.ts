import { ModuleError, type ErrorCode } from '../errors.ts';
import type { StreamIo } from './stream-io.ts';

/** Whether a stream is over for its handler, and why: what its reads, its sends and its signal all ask. */
export class StreamEnding {
  readonly #io: StreamIo;
  #isFinished = false;
  /** The cause as it was at the end: the word that it is read from may be another stream's by now. */
  #lastCause: ErrorCode | undefined;
  #reason: string | undefined;
  #error: ModuleError | undefined;
  /** What it says, whatever the handler has made of it. */
  #errorText: string | undefined;

  constructor(io: StreamIo) {
    this.#io = io;
  }

  /** Whether the terminal frame is decided. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** What ends the stream before its handler does, once that is decided. */
  get cause(): ErrorCode | undefined {
    return this.#isFinished ? this.#lastCause : this.#io.cause();
  }

  /** The error that goes with a decided cause; it says the reason, once that is here. */
  get error(): ModuleError | undefined {
    const cause = this.cause;
    return cause === undefined ? undefined : this.#errorFor(cause);
  }

  /** Whether `error` comes of a decided cause, and not of a mistake of the handler's. */
  isOwn(error: unknown): boolean {
    return error === this.#error;
  }

  /** @throws ModuleError with the code of the decided cause */
  throwIfStopped(): void {
    const error = this.error;
    if (error !== undefined) throw error;
  }

  /** @throws ModuleError as {@link throwIfStopped}; `unavailable` once the stream has ended otherwise */
  throwIfOver(): void {
    this.throwIfStopped();
    if (this.#isFinished) throw endedError();
  }

  /**
   * A cause was decided.
   *
   * @param reason for a person; empty: none was given
   * @returns what all that waits is to fail with; `undefined` of a finished stream, whose terminal frame may still wait for room
   */
  stop(cause: ErrorCode, reason: string): ModuleError | undefined {
    if (reason !== '') this.#reason = reason;
    return this.#isFinished ? undefined : this.#errorFor(cause);
  }

  /** What the terminal frame says for a decided cause. */
  messageFor(cause: ErrorCode): string {
    return this.#reason ?? `the stream has ended: ${cause}`;
  }

  /** The terminal frame is decided. */
  finish(): void {
    this.#lastCause = this.cause;
    this.#isFinished = true;
  }

  #errorFor(cause: ErrorCode): ModuleError {
    const text = this.messageFor(cause);
    if (this.#error === undefined || this.#errorText !== text) {
      this.#errorText = text;
      this.#error = new ModuleError(cause, text);
    }
    return this.#error;
  }
}

/** For what a handler left behind, or does too late. */
export function endedError(): ModuleError {
  return new ModuleError('unavailable', 'the stream has ended');
}
