import { RING_BYTES, RING_RESERVE, SLOT, SPACE_WAIT } from './indexes.ts';
import type { Region, SlotNumber } from './region.ts';

const MASK = RING_BYTES - 1;

/**
 * The producer's end of a worker's ring: frames that wait for the wire.
 *
 * Single producer (the worker), single consumer (whoever holds the write lock). A frame becomes visible as a whole by
 * one store of `tail`; so what a worker committed before it died is on the wire later, and what it hadn't isn't.
 */
export class OutboundRing {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #bytes: Uint8Array;
  /** The word of the same name: only this thread writes it. */
  #tail: number;
  /** The holder's head as last seen: a stale one only makes the ring look fuller than it is. */
  #head: number;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#base = region.slotBase(slot);
    this.#bytes = region.ringBytes(slot);
    this.#tail = Atomics.load(this.#words, this.#base + SLOT.tail);
    this.#head = Atomics.load(this.#words, this.#base + SLOT.head);
  }

  /** Bytes committed and not yet taken. Only shrinks behind the producer's back. */
  get pending(): number {
    // Pairs with the holder's store of head.
    this.#head = Atomics.load(this.#words, this.#base + SLOT.head);
    return (this.#tail - this.#head) | 0;
  }

  /** Whether `length` bytes fit now; Data leaves {@link RING_RESERVE} free for what ends streams. */
  fits(length: number, isData: boolean): boolean {
    const most = RING_BYTES - (isData ? RING_RESERVE : 0) - length;
    return ((this.#tail - this.#head) | 0) <= most || this.pending <= most;
  }

  /** Position behind a frame of `length` bytes that would be committed next; what a job's `terminalEnd` says. */
  endOfNext(length: number): number {
    return (this.#tail + length) | 0;
  }

  /**
   * Commits one frame of header, payload and zero padding to 8 bytes. The caller has checked {@link fits}.
   *
   * @returns whether everything before this frame had left the ring: then nobody but the caller knows of the frame,
   *   and the caller must see to its way out
   */
  commit(header: Uint8Array, payload?: Uint8Array): boolean {
    const tail = this.#tail;
    this.#put(tail, header);
    let end = (tail + header.length) | 0;
    if (payload !== undefined) {
      this.#put(end, payload);
      end = (end + payload.length) | 0;
      for (let pad = -payload.length & 7; pad > 0; pad--) {
        this.#bytes[end & MASK] = 0;
        end = (end + 1) | 0;
      }
    }
    this.#words[this.#base + SLOT.frames] = (this.#words[this.#base + SLOT.frames] ?? 0) + 1;
    this.#tail = end;
    // The commit. Sequentially consistent, so a holder that releases the lock after it either sees this frame in its
    // second look, or we see the lock free in `WriteLock.tryAcquire`.
    Atomics.store(this.#words, this.#base + SLOT.tail, end);
    // After the commit: a holder that took the last frame either sees ours in its second look, or we see its head here.
    this.#head = Atomics.load(this.#words, this.#base + SLOT.head);
    return this.#head === tail;
  }

  /**
   * Announces that the producer waits for room, then looks again; `true` means: still no room, wait.
   * Pairs with `TakeEnd.advance`, which stores head before it looks at the announcement.
   */
  announceWait(length: number, isData: boolean, how: 'blocking' | 'async'): boolean {
    Atomics.store(this.#words, this.#base + SLOT.spaceWait, SPACE_WAIT[how]);
    if (!this.fits(length, isData)) return true;
    Atomics.store(this.#words, this.#base + SLOT.spaceWait, SPACE_WAIT.none);
    return false;
  }

  /** The futex word's value, to be read before the last check that precedes {@link waitForSpace}. */
  spaceTicket(): number {
    return Atomics.load(this.#words, this.#base + SLOT.space);
  }

  /** Blocks until the word has left `ticket`: room has appeared, or main wants the worker to look up. */
  waitForSpace(ticket: number): void {
    Atomics.wait(this.#words, this.#base + SLOT.space, ticket);
  }

  #put(position: number, source: Uint8Array): void {
    const at = position & MASK;
    const room = RING_BYTES - at;
    if (source.length <= room) {
      this.#bytes.set(source, at);
    } else {
      this.#bytes.set(source.subarray(0, room), at);
      this.#bytes.set(source.subarray(room), 0);
    }
  }
}

/**
 * The consumer's end of a slot's ring. To be used only by the holder of the write lock.
 */
export class TakeEnd {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #bytes: Uint8Array;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#base = region.slotBase(slot);
    this.#bytes = region.ringBytes(slot);
  }

  /** Bytes committed and not yet taken: always whole frames behind the last partial write. 0 for a revoked slot. */
  get pending(): number {
    if (Atomics.load(this.#words, this.#base + SLOT.revoked) === 1) return 0;
    // Pairs with the producer's commit: whatever tail says is completely in the ring.
    return (Atomics.load(this.#words, this.#base + SLOT.tail) - this.#head) | 0;
  }

  /** Ring position up to which bytes have been taken. */
  get position(): number {
    return this.#head;
  }

  /** One write attempt's worth: the first contiguous part of what is pending, as offset and length. */
  contiguous(pending: number): { bytes: Uint8Array; offset: number; length: number } {
    const offset = this.#head & MASK;
    return { bytes: this.#bytes, offset, length: Math.min(pending, RING_BYTES - offset) };
  }

  /** Copies the first `length` pending bytes to `target` at `at`. The caller then {@link advance}s. */
  copyTo(target: Uint8Array, at: number, length: number): void {
    const offset = this.#head & MASK;
    const first = Math.min(length, RING_BYTES - offset);
    target.set(this.#bytes.subarray(offset, offset + first), at);
    if (first < length) target.set(this.#bytes.subarray(0, length - first), at + first);
  }

  /**
   * Takes `length` bytes out of the ring and wakes a producer that blocks for room.
   *
   * @returns `true` if the producer waits asynchronously: main must then send it a message
   */
  advance(length: number): boolean {
    Atomics.store(this.#words, this.#base + SLOT.head, (this.#head + length) | 0);
    // Pairs with announceWait: the store of head above comes before this look, the announcement before its second look.
    const waits = Atomics.load(this.#words, this.#base + SLOT.spaceWait);
    if (waits === SPACE_WAIT.blocking) {
      Atomics.store(this.#words, this.#base + SLOT.spaceWait, SPACE_WAIT.none);
      Atomics.add(this.#words, this.#base + SLOT.space, 1);
      Atomics.notify(this.#words, this.#base + SLOT.space);
    }
    return waits === SPACE_WAIT.async;
  }

  /** Ends an asynchronous wait; `true` if there was one. */
  clearAsyncWait(): boolean {
    return (
      Atomics.compareExchange(this.#words, this.#base + SLOT.spaceWait, SPACE_WAIT.async, SPACE_WAIT.none) ===
      SPACE_WAIT.async
    );
  }

  get #head(): number {
    // Only the holder of the lock writes head, and the lock's hand-over orders it: a plain read is exact.
    return this.#words[this.#base + SLOT.head] ?? 0;
  }
}
