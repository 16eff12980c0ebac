import { GLOBAL, LOCK_FREE, LOCK_MAIN, SLOT } from './layout.ts';
import { RingConsumer } from './outbound-ring.ts';
import type { Region, SlotNumber } from './region.ts';

/**
 * One attempt to write to the wire. It never waits.
 *
 * @returns bytes written; 0 if the pipe is full (EAGAIN); the system's negative error number if it can't be written to any more
 *   (EPIPE: the host is gone)
 */
export type WriteAttempt = (bytes: Uint8Array, offset: number, length: number) => number;

/**
 * Rounds that one holder makes over all rings before it hands the lock over to main. They limit the time that a worker writes for
 * other workers instead of computing, since one round takes at most the bytes that the rings held when they were visited.
 */
const MAX_ROUNDS = 4;

/** Arguments that take up more of the stack (8 KiB) than a flush does. To pass them costs 0.7 µs. */
const STACK_FOR_FLUSH: readonly number[] = new Array<number>(1024).fill(0);

/**
 * A worker's side of the combining lock: the holder does the work of all who want the lock.
 *
 * The holder writes out *every* ring. A worker that finds the lock taken leaves its frames to the holder and goes on computing. If
 * the pipe is full, the holder hands the rest to main together with the lock, because only main can wait for the pipe.
 *
 * The section can be cut short while its thread lives on: a handler that has nearly used up its stack, or that runs under the
 * timeout of a `vm` script, can be stopped between any two calls of ours, and then no `finally` runs. So each flush first makes
 * sure that it has enough stack, and a flush that finds its own thread as the holder goes on where the last one was cut. If no
 * flush comes, main ends the thread (`MainWriteLock.holder`).
 */
export class WorkerWriteLock {
  readonly #words: Int32Array;
  readonly #me: number;
  readonly #own: number;
  readonly #rings: readonly RingConsumer[];
  readonly #write: WriteAttempt;
  readonly #ringBell: () => void;
  readonly #first: number;

  /** @param ringBell makes main look at the lock and the rings, see {@link WorkerBell} */
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
   * Sees to it that every committed frame reaches the wire, by this call, by the holder of the lock, or by main.
   *
   * @throws RangeError if the stack is nearly used up; nothing has changed then
   */
  flush(): void {
    Reflect.apply(nothing, undefined, STACK_FOR_FLUSH);
    do {
      // Pairs with the holder's release and second look (below): if another thread holds the lock, its second look comes after our
      // commit, so it sees our frame.
      const owner = Atomics.compareExchange(this.#words, GLOBAL.lock, LOCK_FREE, this.#me);
      if (owner === this.#me) {
        // The last flush was cut short. If that was within a write, nobody knows how many bytes arrived, so main ends this thread
        // and then the process.
        if (Atomics.load(this.#words, this.#own + SLOT.intent) === 1) return;
      } else if (owner !== LOCK_FREE) return;
      // Pairs with `MainWriteLock.revoke`. Main revokes only as holder, so this look under the lock is final: a revoked slot never
      // writes again.
      const mayWrite =
        Atomics.load(this.#words, this.#own + SLOT.revoked) === 0 &&
        Atomics.load(this.#words, GLOBAL.wireDead) === 0;
      if (!mayWrite || !this.#drain()) {
        // The lock passes to main without a release. This store of the new owner orders our stores of `resume` and the heads before
        // it. Pairs with the exchange in `MainWriteLock.tryAcquire`.
        Atomics.store(this.#words, GLOBAL.lock, LOCK_MAIN);
        this.#ringBell();
        return;
      }
      Atomics.store(this.#words, GLOBAL.lock, LOCK_FREE);
      // The second look, because the sender of a frame that was committed after our last round found the lock taken and left the
      // frame to us.
    } while (this.#pendingAnywhere());
  }

  /** @returns `true` if every ring is empty and main doesn't want the lock; `false` if the lock must be handed over to main */
  #drain(): boolean {
    // 0, unless the last drain was cut short within a ring. Then nothing may be written before the rest of that ring's frame.
    const begun = Atomics.load(this.#words, GLOBAL.resume);
    const first = begun === 0 ? this.#first : begun - 1;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let found = false;
      for (let i = 0; i < this.#rings.length; i++) {
        const index = (first + i) % this.#rings.length;
        const ring = this.#rings[index];
        if (ring === undefined) continue;
        // Only the bytes that are committed now, so that a producer that never stops can't keep the others waiting.
        let pending = ring.pending;
        if (pending === 0) continue;
        found = true;
        // From the first byte of this ring to the last, its frame may be half on the wire, so the next holder must go on here. It
        // is set before the write, so that it also holds if this thread dies between two writes. Pairs with
        // `MainWriteLock.takeResume`.
        Atomics.store(this.#words, GLOBAL.resume, index + 1);
        while (pending > 0) {
          const part = ring.contiguous(pending);
          // Between the write and the store of head only this thread knows how much is on the wire. If the thread dies here (a heap
          // limit can strike anywhere), main sees the intent and stops the process. Pairs with `MainWriteLock.inherit`.
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

/** Main's side of the lock. Main never blocks for it: main sets `mainWants`, and the holder hands the lock over. */
export class MainWriteLock {
  readonly #words: Int32Array;
  readonly #region: Region;
  readonly rings: readonly RingConsumer[];
  #held = false;

  constructor(region: Region) {
    this.#region = region;
    this.#words = region.words;
    this.rings = allRings(region);
  }

  get held(): boolean {
    return this.#held;
  }

  /** Takes the lock if it is free or was handed over. If not, the holder's bell tells main when to try again. */
  tryAcquire(): boolean {
    if (this.#held) return true;
    // Before the attempt. Pairs with the holder's look at `mainWants` after its release: a holder that released without having seen
    // this store sees it then.
    Atomics.store(this.#words, GLOBAL.mainWants, 1);
    const owner = Atomics.compareExchange(this.#words, GLOBAL.lock, LOCK_FREE, LOCK_MAIN);
    if (owner !== LOCK_FREE && owner !== LOCK_MAIN) return false;
    Atomics.store(this.#words, GLOBAL.mainWants, 0);
    this.#held = true;
    return true;
  }

  /**
   * Releases the lock. The caller must look at {@link pendingAnywhere} afterwards, because frames that were committed meanwhile
   * were left to it. Pairs with the commit in `RingProducer.commit` and the exchange in `WorkerWriteLock.flush`.
   */
  release(): void {
    this.#held = false;
    Atomics.store(this.#words, GLOBAL.lock, LOCK_FREE);
  }

  pendingAnywhere(): boolean {
    return this.rings.some((ring) => ring.pending > 0);
  }

  /**
   * The ring whose frame the last holder left half written; `undefined` if there is none. Its rest must be written before any other
   * byte. Reading clears the word.
   */
  takeResume(): RingConsumer | undefined {
    return this.rings[Atomics.exchange(this.#words, GLOBAL.resume, 0) - 1];
  }

  /** The system's error number, above 0, of the error that ended the wire; 0 while it can be written to. */
  get wireDead(): number {
    return Atomics.load(this.#words, GLOBAL.wireDead);
  }

  /** The slot whose worker holds the lock; `undefined` if no worker does. */
  get holder(): SlotNumber | undefined {
    const owner = Atomics.load(this.#words, GLOBAL.lock);
    return owner === LOCK_FREE || owner === LOCK_MAIN ? undefined : ((owner - 1) as SlotNumber);
  }

  /**
   * Forbids the slot's worker to write from here on. Frames that it commits later are dropped. Allowed only while main holds the
   * lock. Pairs with the look at `revoked` in `WorkerWriteLock.flush`.
   */
  revoke(slot: SlotNumber): void {
    Atomics.store(this.#words, this.#region.slotBase(slot) + SLOT.revoked, 1);
  }

  /**
   * Takes over the lock of a thread that is gone. `unknown`: it held the lock and was writing, so nobody can tell how much arrived.
   * `inherited`: it held the lock between two writes, and main holds the lock now. `none`: it didn't hold the lock.
   */
  inherit(slot: SlotNumber): 'unknown' | 'inherited' | 'none' {
    if (Atomics.load(this.#words, GLOBAL.lock) !== slot + 1) return 'none';
    if (Atomics.load(this.#words, this.#region.slotBase(slot) + SLOT.intent) === 1) return 'unknown';
    Atomics.store(this.#words, GLOBAL.lock, LOCK_MAIN);
    return 'inherited';
  }
}

function nothing(): void {}

function allRings(region: Region): RingConsumer[] {
  return Array.from({ length: region.slots }, (_, slot) => new RingConsumer(region, slot as SlotNumber));
}
