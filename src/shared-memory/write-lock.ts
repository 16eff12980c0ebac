import { GLOBAL, LOCK_FREE, LOCK_MAIN, SLOT } from './indexes.ts';
import { TakeEnd } from './outbound-ring.ts';
import type { Region, SlotNumber } from './region.ts';

/**
 * One attempt to write to the wire, never waiting.
 *
 * @returns bytes written; 0 where the pipe is full (EAGAIN); the system's negative error number where it can't be written to
 *   any more (EPIPE: the host is gone)
 */
export type WriteAttempt = (bytes: Uint8Array, offset: number, length: number) => number;

/**
 * Rounds that one holder makes over all rings before it hands over to main: the bound on how long a worker writes for
 * its neighbours instead of computing. One round takes at most what the rings held when they were visited.
 */
const MAX_ROUNDS = 4;

/** Arguments that take up more of the stack than a flush does: 8 KiB, which costs 0.7 µs. */
const STACK_FOR_FLUSH: readonly number[] = new Array<number>(1024).fill(0);

/**
 * A worker's side of the combining lock.
 *
 * Whoever holds it writes out *every* ring; a worker that finds it taken leaves its frames to the holder and goes on
 * computing. What can't be written at once passes to main together with the lock: main alone can wait for the pipe.
 *
 * The section can be cut short and its thread live on: a handler that has nearly used up its stack, or runs under the timeout
 * of a `vm` script, is stopped between any two calls of ours, and no `finally` runs. So each flush first makes sure of its
 * stack, one that finds the lock in its own hand goes on where the last one was cut, and what no flush comes back to
 * is main's to end (`MainWriteLock.holder`).
 */
export class WorkerWriteLock {
  readonly #words: Int32Array;
  readonly #me: number;
  readonly #own: number;
  readonly #rings: readonly TakeEnd[];
  readonly #write: WriteAttempt;
  readonly #ringBell: () => void;
  readonly #first: number;

  /** @param ringBell makes main look, see {@link WorkerBell} */
  constructor(region: Region, slot: SlotNumber, write: WriteAttempt, ringBell: () => void) {
    this.#words = region.words;
    this.#me = slot + 1;
    this.#own = region.slotBase(slot);
    this.#rings = allRings(region);
    this.#first = slot;
    this.#write = write;
    this.#ringBell = ringBell;
  }

  /**
   * Sees to it that everything committed reaches the wire: by this call, by the holder of the lock, or by main.
   *
   * @throws RangeError where the stack is nearly used up; nothing has changed then
   */
  flush(): void {
    Reflect.apply(nothing, undefined, STACK_FOR_FLUSH);
    do {
      // If another holds the lock, its second look (below) comes after our commit: it sees our frame.
      const owner = Atomics.compareExchange(this.#words, GLOBAL.lock, LOCK_FREE, this.#me);
      if (owner === this.#me) {
        // Cut short. Within a write nobody knows how much of it arrived: main ends this thread, and then the process.
        if (Atomics.load(this.#words, this.#own + SLOT.intent) === 1) return;
      } else if (owner !== LOCK_FREE) return;
      // Main revokes only as holder, so this look under the lock is final: a revoked slot never writes again.
      const mayWrite =
        Atomics.load(this.#words, this.#own + SLOT.revoked) === 0 &&
        Atomics.load(this.#words, GLOBAL.wireDead) === 0;
      if (!mayWrite || !this.#drain()) {
        // The lock passes to main unreleased; the store of its new owner orders `resume` and the heads before it.
        Atomics.store(this.#words, GLOBAL.lock, LOCK_MAIN);
        this.#ringBell();
        return;
      }
      Atomics.store(this.#words, GLOBAL.lock, LOCK_FREE);
      // The second look. A frame committed after our last round found the lock taken and was left to us.
    } while (this.#pendingAnywhere());
  }

  /** @returns `true` when every ring is empty and main doesn't want the lock; `false`: hand over to main */
  #drain(): boolean {
    // 0, unless the last drain was cut short within a ring: nothing may come before the rest of that.
    const begun = Atomics.load(this.#words, GLOBAL.resume);
    const first = begun === 0 ? this.#first : begun - 1;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let found = false;
      for (let i = 0; i < this.#rings.length; i++) {
        const index = (first + i) % this.#rings.length;
        const ring = this.#rings[index];
        if (ring === undefined) continue;
        // What is committed now, and not more: a producer that never stops can't keep the others waiting.
        let pending = ring.pending;
        if (pending === 0) continue;
        found = true;
        // From the first byte of this ring to the last, its frame may be half on the wire: whoever has the lock next
        // goes on here. Set before the write, so that it also holds if this thread dies between two writes.
        Atomics.store(this.#words, GLOBAL.resume, index + 1);
        while (pending > 0) {
          const part = ring.contiguous(pending);
          // Between the write and the store of head the wire's state is known to this thread only. Should the thread
          // die here (a heap limit can strike anywhere), main sees the intent and stops the process.
          Atomics.store(this.#words, this.#own + SLOT.intent, 1);
          const written = this.#write(part.bytes, part.offset, part.length);
          const waits = written > 0 && ring.advance(written);
          Atomics.store(this.#words, this.#own + SLOT.intent, 0);
          if (waits) this.#ringBell();
          if (written < 0) Atomics.store(this.#words, GLOBAL.wireDead, -written);
          if (written < part.length) return false;
          pending -= written;
        }
        Atomics.store(this.#words, GLOBAL.resume, 0);
      }
      if (Atomics.load(this.#words, GLOBAL.mainWants) === 1) return false;
      if (!found) return true;
    }
    return false;
  }

  #pendingAnywhere(): boolean {
    return Atomics.load(this.#words, GLOBAL.mainWants) === 1 || this.#rings.some((ring) => ring.pending > 0);
  }
}

/** Main's side of the lock. Main never waits for it: it asks, and the holder hands over. */
export class MainWriteLock {
  readonly #words: Int32Array;
  readonly #region: Region;
  readonly rings: readonly TakeEnd[];
  #held = false;

  constructor(region: Region) {
    this.#region = region;
    this.#words = region.words;
    this.rings = allRings(region);
  }

  get held(): boolean {
    return this.#held;
  }

  /** Takes the lock if it is free or was handed over. If not, the holder's bell says when to try again. */
  tryAcquire(): boolean {
    if (this.#held) return true;
    // Before the attempt: a holder that releases without having seen it looks again after the release.
    Atomics.store(this.#words, GLOBAL.mainWants, 1);
    const owner = Atomics.compareExchange(this.#words, GLOBAL.lock, LOCK_FREE, LOCK_MAIN);
    if (owner !== LOCK_FREE && owner !== LOCK_MAIN) return false;
    Atomics.store(this.#words, GLOBAL.mainWants, 0);
    this.#held = true;
    return true;
  }

  /** Releases. The caller looks at {@link pendingAnywhere} afterwards: what was committed meanwhile is left to it. */
  release(): void {
    this.#held = false;
    Atomics.store(this.#words, GLOBAL.lock, LOCK_FREE);
  }

  pendingAnywhere(): boolean {
    return this.rings.some((ring) => ring.pending > 0);
  }

  /** The ring whose frame the last holder left half written; it must go on before any other byte. Reading clears it. */
  takeResume(): TakeEnd | undefined {
    return this.rings[Atomics.exchange(this.#words, GLOBAL.resume, 0) - 1];
  }

  /** The system's number of the error that ended the wire, above 0; 0: it lives. */
  get wireDead(): number {
    return Atomics.load(this.#words, GLOBAL.wireDead);
  }

  /** The slot whose worker holds the lock; `undefined`: none does. */
  get holder(): SlotNumber | undefined {
    const owner = Atomics.load(this.#words, GLOBAL.lock);
    return owner === LOCK_FREE || owner === LOCK_MAIN ? undefined : ((owner - 1) as SlotNumber);
  }

  /** From here on the slot's worker can't write, and what it still commits is nobody's. Only as holder. */
  revoke(slot: SlotNumber): void {
    Atomics.store(this.#words, this.#region.slotBase(slot) + SLOT.revoked, 1);
  }

  /**
   * What to make of a thread that is gone: it held the lock and was writing (`unknown`: nobody can tell how much
   * arrived), it held the lock between two writes (the lock is main's now), or it didn't hold it.
   */
  inherit(slot: SlotNumber): 'unknown' | 'inherited' | 'none' {
    if (Atomics.load(this.#words, GLOBAL.lock) !== slot + 1) return 'none';
    if (Atomics.load(this.#words, this.#region.slotBase(slot) + SLOT.intent) === 1) return 'unknown';
    Atomics.store(this.#words, GLOBAL.lock, LOCK_MAIN);
    return 'inherited';
  }
}

function nothing(): void {}

function allRings(region: Region): TakeEnd[] {
  return Array.from({ length: region.slots }, (_, slot) => new TakeEnd(region, slot as SlotNumber));
}
