import { ModuleError } from '../../errors.ts';
import { MAX_TIMER_MS } from '../../base/clock.ts';

/**
 * Ends a stream whose module has begun to answer and then sends nothing for too long. The time begins with the module's first frame,
 * and each frame begins it anew. It doesn't count while the reader has not taken what came, because the module may then wait for
 * credit.
 */
export class IdleTime {
  readonly #ms: number;
  readonly #hasUnread: () => boolean;
  readonly #onIdle: () => void;
  /** The last frame, or the last time that the reader took one, by the monotonic clock. */
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, hasUnread: () => boolean, onIdle: () => void) {
    this.#ms = ms;
    this.#hasUnread = hasUnread;
    this.#onIdle = onIdle;
  }

  /** The module has sent something on this stream, of whatever kind. */
  seen(): void {
    this.#last = performance.now();
    if (this.#timer === undefined) this.#arm(this.#ms);
  }

  /** The reader has taken something that came. */
  took(): void {
    this.#last = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    // It never keeps the process alive, because the promise of whoever waits for the stream already does.
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    const left = this.#hasUnread() ? this.#ms : this.#last + this.#ms - performance.now();
    if (left > 0) this.#arm(Math.ceil(left));
    else this.#onIdle();
  }
}

/** @throws ModuleError `invalidArgument` for an idle time that no timer can have */
export function checkIdleMs(ms: number | undefined): void {
  if (ms === undefined || (ms > 0 && ms <= MAX_TIMER_MS)) return;
  throw new ModuleError(
    'invalidArgument',
    `An idle time of ${ms} ms; it must be above 0 and at most ${MAX_TIMER_MS}.`,
  );
}
