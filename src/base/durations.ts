/** Things that took time. All times in ms. */
export interface Durations {
  readonly count: number;
  readonly totalMs: number;
  readonly maxMs: number;
}

/** Adds up durations. */
export class DurationCount {
  #count = 0;
  #totalMs = 0;
  #maxMs = 0;

  add(ms: number): void {
    this.addAll({ count: 1, totalMs: ms, maxMs: ms });
  }

  addAll({ count, totalMs, maxMs }: Durations): void {
    this.#count += count;
    this.#totalMs += totalMs;
    if (maxMs > this.#maxMs) this.#maxMs = maxMs;
  }

  /** The sums, rounded to µs to be readable. */
  get figures(): Durations {
    return { count: this.#count, totalMs: round(this.#totalMs), maxMs: round(this.#maxMs) };
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
