/** Timers, injected so that tests own the clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment, with fractions: for durations, whatever happens to the time of day. */
  monotonic(): number;
  /** @returns a function that cancels the timer */
  after(ms: number, action: () => void): () => void;
}

/** The longest delay of a Node timer, in ms; a later deadline is looked at again then. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/**
 * How long a deadline goes without a look at the time of day, in ms: somebody may set it, forward or back, and timers run by
 * the time that passes.
 */
const LOOK_MS = 10_000;

/** Acts once, when a moment of the day has come. */
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

  /** Acts now if the moment has come: the timer may stand behind what the event loop is busy with. @returns whether it has */
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
