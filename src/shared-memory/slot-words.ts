import { GLOBAL, SLOT, SLOT_WORDS } from './indexes.ts';
import type { Region, SlotNumber } from './region.ts';

/** Main's view of a worker slot's words, for as long as one thread has the slot. */
export class SlotWords {
  readonly slot: SlotNumber;
  readonly #words: Int32Array;
  readonly #base: number;
  #takenFrames = 0;
  #takenTail = 0;

  constructor(region: Region, slot: SlotNumber) {
    this.slot = slot;
    this.#words = region.words;
    this.#base = region.slotBase(slot);
  }

  /** Prepares the slot for a new thread. Only when the old one has exited and its ring is taken. */
  reset(): void {
    for (let word = 0; word < SLOT_WORDS; word++) Atomics.store(this.#words, this.#base + word, 0);
  }

  /** Something arrived on the worker's port. Pairs with {@link WorkerWake.ticket}, read before the port is emptied. */
  wake(): void {
    Atomics.add(this.#words, this.#base + SLOT.wake, 1);
    Atomics.notify(this.#words, this.#base + SLOT.wake);
  }

  /** Makes a sender that blocks for room in its ring look at its cause. */
  wakeSender(): void {
    Atomics.add(this.#words, this.#base + SLOT.space, 1);
    Atomics.notify(this.#words, this.#base + SLOT.space);
  }

  /** Main has heard the bell. Before it looks at the rings: a frame committed later rings again. */
  clearBell(): void {
    Atomics.store(this.#words, this.#base + SLOT.bell, 0);
  }

  /** Ring position up to which frames are committed. */
  get tail(): number {
    return Atomics.load(this.#words, this.#base + SLOT.tail);
  }

  /** Ring position up to which bytes have left the ring. */
  get head(): number {
    return Atomics.load(this.#words, this.#base + SLOT.head);
  }

  /**
   * Frames and bytes committed since the last call. To be called more than once per 4 GiB. The frame that is being committed may
   * count ahead of its bytes.
   */
  takeTraffic(): { frames: number; bytes: number } {
    const frames = Atomics.load(this.#words, this.#base + SLOT.frames);
    const { tail } = this;
    const taken = { frames: (frames - this.#takenFrames) >>> 0, bytes: (tail - this.#takenTail) >>> 0 };
    this.#takenFrames = frames;
    this.#takenTail = tail;
    return taken;
  }
}

/** A worker's blocking wait for whatever main sends. */
export class WorkerWake {
  readonly #words: Int32Array;
  readonly #index: number;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#index = region.slotBase(slot) + SLOT.wake;
  }

  /** To be read before the last look that precedes {@link wait}: what arrives after it changes the word. */
  ticket(): number {
    return Atomics.load(this.#words, this.#index);
  }

  /** Blocks the thread until the word has left `ticket`. */
  wait(ticket: number): void {
    Atomics.wait(this.#words, this.#index, ticket);
  }
}

/** A worker's bell: makes main look at the lock and the rings, once for any number of frames. */
export class WorkerBell {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #post: () => void;

  /** @param post sends one message to main's event loop */
  constructor(region: Region, slot: SlotNumber, post: () => void) {
    this.#words = region.words;
    this.#index = region.slotBase(slot) + SLOT.bell;
    this.#post = post;
  }

  ring(): void {
    // Pairs with clearBell: a bell that main hasn't heard yet covers everything committed before it hears it.
    if (Atomics.compareExchange(this.#words, this.#index, 0, 1) === 0) this.#post();
  }
}

/** Lines that could not be logged since standard error was full. */
export class DroppedLogs {
  readonly #words: Int32Array;

  constructor(region: Region) {
    this.#words = region.words;
  }

  add(): void {
    Atomics.add(this.#words, GLOBAL.droppedLogs, 1);
  }

  get count(): number {
    return Atomics.load(this.#words, GLOBAL.droppedLogs);
  }
}
