import { Deadline, type Clock } from '../base/clock.ts';

/**
 * Time that the module may take for its answer or terminal frame after a deadline or a cancel, in ms. It is the grace time that the
 * module gives a handler (1,000 unless configured), and as much again for the transport.
 */
export const DEFAULT_GRACE_MS = 2_000;

/** The event loop's own clock. Its timers never keep the process alive, because the promises that they end already do. */
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms).unref();
    return () => clearTimeout(timer);
  },
};

/**
 * The timers that end calls and streams which the module never answers. Each function sets one timer and returns a function that
 * cancels it.
 */
export class LocalEnds {
  readonly #graceMs: number;

  /** @param graceMs Infinity if a module may take as long as it likes */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** The time that the module had, for a person. */
  get grace(): string {
    return `${this.#graceMs} ms`;
  }

  /**
   * A call whose deadline has passed already still gets the grace time from now on, because the module's own answer says more.
   *
   * @param unixMs the deadline of the call, in ms since the epoch; 0 if it has none
   */
  afterDeadline(unixMs: number, action: () => void): () => void {
    if (unixMs === 0 || this.#graceMs === Infinity) return () => undefined;
    const deadline = new Deadline(clock, Math.max(unixMs, clock.now()) + this.#graceMs, action);
    return () => deadline.cancel();
  }

  afterCancel(action: () => void): () => void {
    if (this.#graceMs === Infinity) return () => undefined;
    return clock.after(this.#graceMs, action);
  }
}
