/** Timers, injected so that tests own the clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some fixed moment, with fractions. For durations, because a change of the time of day doesn't affect it. */
  monotonic(): number;
  /** @returns a function that cancels the timer */
  after(ms: number, action: () => void): () => void;
}

/** The longest delay of a Node timer, in ms. A timer for a later moment must be set again after that. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/**
 * Time between two looks at the time of day, in ms. A deadline looks repeatedly, because somebody may set the time of day forward
 * or back, while timers run by the time that passes.
 */
const LOOK_MS = 10_000;

/** Calls `action` once, when the time of day has reached a given moment. */
export class Deadline {
  readonly #clock: Clock;
  readonly #unixMs: number;
  readonly #action: () => void;
  #cancelTimer = (): void => {};

  /** @param unixMs milliseconds since the epoch */
  constructor(clock: Clock, unixMs: number, action: () => void) {
    this.#clock = clock;
    this.#unixMs = unixMs;
    this.#action = action;
    this.#arm();
  }

  /**
   * Acts now if the moment has come, since the timer may be late while the event loop is busy.
   *
   * @returns whether the moment has come
   */
  expire(): boolean {
    if (this.#unixMs > this.#clock.now()) return false;
    this.cancel();
    this.#action();
    return true;
  }

  cancel(): void {
    this.#cancelTimer();
  }

  #arm(): void {
    const left = Math.max(0, this.#unixMs - this.#clock.now());
    this.#cancelTimer = this.#clock.after(Math.min(left, LOOK_MS), () => {
      if (!this.expire()) this.#arm();
    });
  }
}
