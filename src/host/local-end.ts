import { Deadline, type Clock } from '../base/clock.ts';

/**
 * How long after a deadline or a cancel the module may take for its last word, in ms: the grace time that it gives a handler,
 * which is 1,000 unless configured, and as much again for the way.
 */
export const DEFAULT_GRACE_MS = 2_000;

/** The event loop's own clock. Its timers never hold the process: the promises that they end do. */
const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** What still acts when a module never answers: each function sets one timer and returns what takes it back. */
export class LocalEnds {
  readonly #graceMs: number;

  /** @param graceMs Infinity: a module may take as long as it likes */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** For a person: how long the module had. */
  get grace(): string {
    return `${this.#graceMs} ms`;
  }

  /** @param unixMs the deadline of the call, in ms since the epoch; 0: it has none */
  afterDeadline(unixMs: number, action: () => void): () => void {
    if (unixMs === 0 || this.#graceMs === Infinity) return () => undefined;
    const deadline = new Deadline(clock, unixMs + this.#graceMs, action);
    return () => deadline.cancel();
  }

  afterCancel(action: () => void): () => void {
    if (this.#graceMs === Infinity) return () => undefined;
    return clock.after(this.#graceMs, action);
  }
}
