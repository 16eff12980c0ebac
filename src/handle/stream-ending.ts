import { ModuleError, type ErrorCode } from '../errors.ts';
import type { StreamIo } from './stream-io.ts';

/** Whether a stream is over for its handler, and why. Its reads, its sends and its signal all ask here. */
export class StreamEnding {
  readonly #io: StreamIo;
  #isFinished = false;
  /**
   * The cause as it was at the end. It is kept because the shared word that it was read from may belong to another stream by now.
   */
  #lastCause: ErrorCode | undefined;
  #reason: string | undefined;
  #error: ModuleError | undefined;
  /** The error's text as created. The handler may have changed `error.message` since. */
  #errorText: string | undefined;

  constructor(io: StreamIo) {
    this.#io = io;
  }

  /** Whether the terminal frame is decided. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The cause that ends the stream before its handler does; `undefined` while none is decided. */
  get cause(): ErrorCode | undefined {
    return this.#isFinished ? this.#lastCause : this.#io.cause();
  }

  /**
   * The error for a decided cause, with the reason as its message once the reason has arrived; `undefined` while no cause is
   * decided.
   */
  get error(): ModuleError | undefined {
    const cause = this.cause;
    return cause === undefined ? undefined : this.#errorFor(cause);
  }

  /** Whether `error` is the one for the decided cause, and not a mistake of the handler's. */
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
   * @param reason for a person; empty if none was given
   * @returns the error that all waiting reads and sends are to fail with; `undefined` if the stream is finished, since then only
   *   its terminal frame may still wait for room
   */
  stop(cause: ErrorCode, reason: string): ModuleError | undefined {
    if (reason !== '') this.#reason = reason;
    return this.#isFinished ? undefined : this.#errorFor(cause);
  }

  /** The message of the terminal frame for a decided cause. */
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

/** The error for reads and sends that a handler left behind, or that it makes after the end. */
export function endedError(): ModuleError {
  return new ModuleError('unavailable', 'the stream has ended');
}
