import { SLOT } from './layout.ts';
import type { Region, SlotNumber } from './region.ts';

/** Waits of one kind: their number, and their sum and maximum in ms. */
export interface Stalls {
  readonly count: number;
  readonly totalMs: number;
  readonly maxMs: number;
}

/** The waits and the CPU time of a worker's handlers since main last took them. */
export interface TakenFigures {
  readonly credit: Stalls;
  readonly ring: Stalls;
  readonly cpuMs: number;
}

/** The words count hundredths of a ms, so a wait of more than half a day (2^32 of them) counts as half a day. */
const PER_MS = 100;
const MOST = 0xffff_ffff;

/**
 * Figures that a worker adds to and main takes. Each kind of wait has three words: count, sum and maximum.
 *
 * Main takes a word by an exchange with 0, and the worker adds atomically, so nothing is lost or counted twice whenever main looks.
 * Count and sum may be taken a moment apart, which does no harm. Main takes the rest before a new thread gets the slot.
 */
export class SlotFigures {
  readonly #words: Int32Array;
  readonly #base: number;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#base = region.slotBase(slot);
  }

  /** Worker: a handler's send has waited. */
  addStall(on: 'credit' | 'ring', ms: number): void {
    const word = this.#base + (on === 'credit' ? SLOT.creditStall : SLOT.ringStall);
    const length = toUnits(ms);
    Atomics.add(this.#words, word, 1);
    Atomics.add(this.#words, word + 1, length);
    // Pairs with main's exchange. Only this thread makes the word larger, so the worst case is that main takes the same maximum
    // twice.
    if (length > Atomics.load(this.#words, word + 2) >>> 0) Atomics.store(this.#words, word + 2, length);
  }

  /** Worker: adds the CPU time of a handler that had the thread to itself and has ended. */
  addCpu(ms: number): void {
    Atomics.add(this.#words, this.#base + SLOT.cpu, toUnits(ms));
  }

  /**
   * Main: takes the figures added since the last call. It must be called more than once in half a day, since a word overflows after
   * that.
   */
  take(): TakenFigures {
    return {
      credit: this.#takeStalls(SLOT.creditStall),
      ring: this.#takeStalls(SLOT.ringStall),
      cpuMs: this.#take(SLOT.cpu) / PER_MS,
    };
  }

  #takeStalls(word: number): Stalls {
    return {
      count: this.#take(word),
      totalMs: this.#take(word + 1) / PER_MS,
      maxMs: this.#take(word + 2) / PER_MS,
    };
  }

  #take(word: number): number {
    return Atomics.exchange(this.#words, this.#base + word, 0) >>> 0;
  }
}

function toUnits(ms: number): number {
  return Math.min(Math.round(ms * PER_MS), MOST);
}
