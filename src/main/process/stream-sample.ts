/** Streams that are told of in a second on average, and at once. What is told of a stream costs main about 20 µs. */
const STREAMS_A_SECOND = 1000;
const STREAMS_AT_ONCE = 20_000;

/** Decides of which streams those who watch are told, where there are too many to tell of all. */
export class StreamSample {
  readonly #now: () => number;
  #left = STREAMS_AT_ONCE;
  #at: number;
  /** Streams that were not told of. */
  unseen = 0;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#at = now();
  }

  /** Whether the next stream is told of. */
  take(): boolean {
    const now = this.#now();
    this.#left = Math.min(STREAMS_AT_ONCE, this.#left + ((now - this.#at) / 1000) * STREAMS_A_SECOND);
    this.#at = now;
    if (this.#left < 1) {
      this.unseen++;
      return false;
    }
    this.#left--;
    return true;
  }
}
