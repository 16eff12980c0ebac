import { ownCopy, uninitialised } from '../base/buffers.ts';

/** V8 keeps typed arrays up to this size on its heap, where making one is cheapest. */
const ON_HEAP_BYTES = 64;
/** Copies up to this size share a slab; what a kept payload holds on to stays within reason. */
const POOLED_BYTES = 4_096;
const SLAB_BYTES = 16_384;

/**
 * Copies payloads out of the read buffer.
 *
 * A typed array of its own costs a payload of a few hundred bytes four times what the copy does, so small ones share an
 * ArrayBuffer, as Node's Buffers do. No two overlap, and none is ever written again.
 */
export class PayloadPool {
  #slab = uninitialised(SLAB_BYTES).buffer;
  #used = 0;

  /** A copy of `bytes` (no Buffer, whose `slice` is a view) from `start` to `end`. */
  copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = end - start;
    if (length <= ON_HEAP_BYTES || length > POOLED_BYTES) return ownCopy(bytes, start, end);
    if (this.#used + length > SLAB_BYTES) {
      this.#slab = uninitialised(SLAB_BYTES).buffer;
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#used, length);
    // Starts stay at whole words, so that a consumer can lay a Float64Array over a payload.
    this.#used = (this.#used + length + 7) & ~7;
    copy.set(bytes.subarray(start, end));
    return copy;
  }
}
