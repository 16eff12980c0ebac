/**
 * The latest progress value of one stream, in memory of its own: the worker makes it with the stream's first value, and main gets
 * it by a message. So streams without progress cost nothing, and no other stream ever uses the same memory.
 *
 * There are three buffers. The writer owns one, the reader owns one, and the third holds the latest value. Each side swaps its own
 * buffer for the third by one exchange. So neither side waits, and nobody reads a buffer that is being written.
 *
 *     words[0]: number of the third buffer, and whether its value is fresh │ the length of each value │ the buffers
 */
const THIRD = 0;
const LENGTHS = 1;
const HEADER_BYTES = 16;
/** Set while the reader has not taken the value in the third buffer. */
const FRESH = 4;
const NUMBER = 3;

/** The worker's end. It is of no use any more after a call that was cut short. */
export class ProgressWriter {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mostBytes: number;
  #own = 0;

  /** @param mostBytes the size of the largest value */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
    this.memory = new SharedArrayBuffer(HEADER_BYTES + 3 * mostBytes);
    this.#words = new Int32Array(this.memory, 0, HEADER_BYTES / 4);
    this.#bytes = new Uint8Array(this.memory, HEADER_BYTES);
    this.#words[THIRD] = 1;
  }

  /**
   * Replaces the latest value.
   *
   * @returns whether main must be told. It need not be if it has not taken the value before, since that message is on its way
   */
  publish(value: Uint8Array): boolean {
    this.#bytes.set(value, this.#own * this.#mostBytes);
    this.#words[LENGTHS + this.#own] = value.length;
    // After the value. Pairs with the exchange in `ProgressReader.take`, which orders these stores before the reader's loads. If this
    // were a load and a store, the reader could take the third buffer between them, and both sides would own it.
    const third = Atomics.exchange(this.#words, THIRD, this.#own | FRESH);
    this.#own = third & NUMBER;
    return (third & FRESH) === 0;
  }
}

/** Main's end. */
export class ProgressReader {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mostBytes: number;
  #own = 2;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES);
    this.#mostBytes = this.#bytes.length / 3;
  }

  /** Takes the latest value, as a copy; `undefined` if it was taken before. */
  take(): Uint8Array | undefined {
    // Only this side clears the mark, so a value that is fresh here is still fresh below, or a later one is.
    if ((Atomics.load(this.#words, THIRD) & FRESH) === 0) return undefined;
    // Pairs with the exchange in `ProgressWriter.publish`: the value's stores come before that exchange, and our loads after this one.
    // The mark is cleared by the same step, so a value that is published later is told anew.
    this.#own = Atomics.exchange(this.#words, THIRD, this.#own) & NUMBER;
    const start = this.#own * this.#mostBytes;
    return this.#bytes.slice(start, start + (this.#words[LENGTHS + this.#own] ?? 0));
  }
}
