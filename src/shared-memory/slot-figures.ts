import { SLOT } from './indexes.ts';
import type { Region, SlotNumber } from './region.ts';

/** Waits of one kind: how many, all together and the longest, in ms. */
export interface Stalls {
  readonly count: number;
  readonly totalMs: number;
  readonly maxMs: number;
}

/** What a worker's handlers have waited for and used since main last took it. */
export interface TakenFigures {
  readonly credit: Stalls;
  readonly ring: Stalls;
  readonly cpuMs: number;
}

/** The words count hundredths of a ms: what is longer than half a day counts as half a day. */
const PER_MS = 100;
const MOST = 0xffff_ffff;

/**
 * Figures that a worker adds to and main takes, three words for each kind of wait: count, total, longest.
 *
 * Main takes by an exchange with 0 and the worker adds, so nothing is lost or counted twice whenever main looks; that
 * count and total may be taken a moment apart does no harm. Before a new thread gets the slot main takes what is left.
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
    // Pairs with main's exchange: only this thread makes the word larger, so the worst is that main takes the same twice.
    if (length > Atomics.load(this.#words, word + 2) >>> 0) Atomics.store(this.#words, word + 2, length);
  }

  /** Worker: a handler has ended that had the thread to itself. */
  addCpu(ms: number): void {
    Atomics.add(this.#words, this.#base + SLOT.cpu, toUnits(ms));
  }

  /** Main: what was added since the last call. To be called more than once in half a day. */
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
