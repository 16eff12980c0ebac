import { GLOBAL_WORDS, JOB_WORDS, RING_BYTES, SLOT_WORDS } from './layout.ts';

/** The index of a worker thread's slot: its block of words and its ring. 0 … slots-1. */
export type SlotNumber = number & { readonly __brand: 'SlotNumber' };
/** The index of a running job's control block, 0 … jobs-1. */
export type ControlBlock = number & { readonly __brand: 'JobNumber' };

/** The values from which another thread makes its {@link Region} of the same memory. Structured-cloneable. */
export interface RegionHandle {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
  readonly jobs: number;
}

/** One thread's view of the shared memory; the layout is in `layout.ts`. */
export class Region {
  readonly handle: RegionHandle;
  readonly words: Int32Array;
  readonly slots: number;
  readonly jobs: number;

  constructor(handle: RegionHandle) {
    this.handle = handle;
    this.slots = handle.slots;
    this.jobs = handle.jobs;
    this.words = new Int32Array(handle.buffer, 0, wordCount(handle.slots, handle.jobs));
  }

  /** @param slots worker threads; @param jobs jobs that can run at once, on all of them together */
  static allocate(slots: number, jobs: number): Region {
    const bytes = ringStart(slots, jobs) + slots * RING_BYTES;
    return new Region({ buffer: new SharedArrayBuffer(bytes), slots, jobs });
  }

  slotBase(slot: SlotNumber): number {
    return GLOBAL_WORDS + slot * SLOT_WORDS;
  }

  jobBase(job: ControlBlock): number {
    return GLOBAL_WORDS + this.slots * SLOT_WORDS + job * JOB_WORDS;
  }

  /** The bytes of a slot's outbound ring. */
  ringBytes(slot: SlotNumber): Uint8Array {
    return new Uint8Array(
      this.handle.buffer,
      ringStart(this.slots, this.jobs) + slot * RING_BYTES,
      RING_BYTES,
    );
  }
}

function wordCount(slots: number, jobs: number): number {
  return GLOBAL_WORDS + slots * SLOT_WORDS + jobs * JOB_WORDS;
}

/** The byte offset of the first ring. It is the start of a page, so that a word and a ring never share a cache line. */
function ringStart(slots: number, jobs: number): number {
  return Math.ceil((wordCount(slots, jobs) * 4) / 4096) * 4096;
}
