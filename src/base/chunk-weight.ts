/** Bytes of a chunk for each byte of weight. */
const RATIO = 2;

/** The size from which a chunk gets weight, in bytes. Smaller chunks weigh enough by their own objects. */
const WEIGHED_BYTES = 32_768;

/** Slots, of 8 bytes each, of one array. The weight of a large chunk is several arrays, because V8 keeps large ones elsewhere. */
const SLOTS = 1_024;

/**
 * Makes V8 collect dead chunks early.
 *
 * V8 decides by what is on its own heap, where a large chunk is a hundred bytes: the memory behind it counts only from tens of
 * megabytes on, and then all of the heap is collected. Until then each new chunk gets fresh memory, whose pages the system must first
 * clear, and that takes longer than all copies of the chunk together. So each large chunk adds dead weight to the heap. The young part
 * of the heap is then collected after twice its size of chunks, in a worker in 0.2 ms.
 */
export class ChunkWeight {
  /** The weight that was added last. It is a field so that the compiler can't leave the allocation out. */
  latest: unknown[] = [];

  /** A chunk of `bytes` bytes has arrived. */
  add(bytes: number): void {
    if (bytes < WEIGHED_BYTES) return;
    for (let left = bytes / RATIO / 8; left > 0; left -= SLOTS) this.latest = new Array<unknown>(SLOTS);
  }
}
