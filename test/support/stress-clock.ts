/** How often the clock is looked at, in ms; more than two of these at once are this process's own delay, and don't count. */
export const TICK_MS = 50;

/**
 * Time in which the host was reading and able to: what a stall is measured by. Neither its pauses nor the moments in which this
 * process itself got no processor count.
 */
export class ReadingClock {
  #total = 0;
  #last = performance.now();
  #paused = false;

  /** Milliseconds of reading so far; moves on with {@link tick}. */
  get now(): number {
    return this.#total;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** To be called every {@link TICK_MS}. */
  tick(): void {
    const now = performance.now();
    if (!this.#paused) this.#total += Math.min(now - this.#last, 2 * TICK_MS);
    this.#last = now;
  }

  pause(): void {
    this.tick();
    this.#paused = true;
  }

  resume(): void {
    this.tick();
    this.#paused = false;
  }
}
