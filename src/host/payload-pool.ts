import { copyOut, uninitialised } from '../base/buffers.ts';

/** V8 keeps typed arrays of up to this many bytes on its heap, where making one is cheapest. */
const ON_HEAP_BYTES = 64;
/** Copies of up to this many bytes share a slab. The limit is small, because a kept payload keeps its whole slab. */
const POOLED_BYTES = 4_096;
const SLAB_BYTES = 16_384;

/**
 * Copies payloads out of the read buffer.
 *
 * For a payload of a few hundred bytes an ArrayBuffer of its own costs four times as much as the copy, so small payloads share one,
 * as Node's Buffers do. No two payloads overlap, and none is ever written again.
 */
export class PayloadPool {
  #slab = uninitialised(SLAB_BYTES).buffer;
  #used = 0;

  /** A copy of `bytes` from `start` to `end`. `bytes` must not be a Buffer, because a Buffer's `slice` is a view. */
  copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = end - start;
    if (length <= ON_HEAP_BYTES || length > POOLED_BYTES) return copyOut(bytes, start, end);
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
