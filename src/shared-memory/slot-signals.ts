import { GLOBAL, SLOT, SLOT_WORDS } from './layout.ts';
import type { Region, SlotNumber } from './region.ts';

/** Main's view of the words of a worker's slot, for as long as one thread has that slot. */
export class SlotSignals {
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

  /**
   * Prepares the slot for a new thread. Allowed only when the old thread has exited and its ring was emptied, so that no other
   * thread uses the words. The start of the new thread orders these stores before its loads.
   */
  reset(): void {
    for (let word = 0; word < SLOT_WORDS; word++) Atomics.store(this.#words, this.#base + word, 0);
  }

  /**
   * Wakes the worker because something has arrived on its port. Pairs with {@link WorkerWake.ticket}, which is read before the port
   * is emptied.
   */
  wake(): void {
    Atomics.add(this.#words, this.#base + SLOT.wake, 1);
    Atomics.notify(this.#words, this.#base + SLOT.wake);
  }

  /**
   * Makes a sender that blocks for room in its ring check its cause. Pairs with `RingProducer.spaceTicket`, which is read before
   * the cause.
   */
  wakeSender(): void {
    Atomics.add(this.#words, this.#base + SLOT.space, 1);
    Atomics.notify(this.#words, this.#base + SLOT.space);
  }

  /**
   * Main has handled the bell's message. Main calls this before it looks at the rings, so that a frame that is committed later
   * rings again. Pairs with the exchange in {@link WorkerBell.ring}.
   */
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
   * Frames and bytes committed since the last call. It must be called more than once per 4 GiB, because both counts wrap at 2^32. A
   * frame that is being committed may be counted before its bytes are.
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

/** A worker's blocking wait for anything that main sends. */
export class WorkerWake {
  readonly #words: Int32Array;
  readonly #index: number;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#index = region.slotBase(slot) + SLOT.wake;
  }

  /**
   * The word's value. Read it before the last look that precedes {@link wait}: anything that arrives after that look changes the
   * word, so the wait returns at once. Pairs with {@link SlotSignals.wake}.
   */
  ticket(): number {
    return Atomics.load(this.#words, this.#index);
  }

  /** Blocks the thread until the word differs from `ticket`. */
  wait(ticket: number): void {
    Atomics.wait(this.#words, this.#index, ticket);
  }
}

/** A worker's bell: a message that makes main look at the lock and the rings. One message serves any number of frames. */
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
    // Pairs with clearBell: a message that main has not handled yet covers every frame that is committed until main handles it.
    if (Atomics.compareExchange(this.#words, this.#index, 0, 1) === 0) this.#post();
  }
}

/** Counts lines that could not be logged because standard error was full. */
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
