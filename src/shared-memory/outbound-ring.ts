import { RING_BYTES, RING_RESERVE, SLOT } from './indexes.ts';
import type { Region, SlotNumber } from './region.ts';

const MASK = RING_BYTES - 1;

/** Where a payload lies, whatever its object or class say: a handler may have put its own getters on it. */
const getterOf = (name: 'buffer' | 'byteOffset'): ((this: Uint8Array) => unknown) => {
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return (Object.getOwnPropertyDescriptor(typedArray, name) as { get: (this: Uint8Array) => unknown }).get;
};
const bufferOf = getterOf('buffer');
const offsetOf = getterOf('byteOffset');

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

  /** Whether `length` bytes fit now. */
  fits(length: number, isData: boolean): boolean {
    const most = RING_BYTES - roomFor(length, isData);
    return ((this.#tail - this.#head) | 0) <= most || this.pending <= most;
  }

  /** Position behind a frame of `length` bytes that would be committed next; what a job's `terminalEnd` says. */
  endOfNext(length: number): number {
    return (this.#tail + length) | 0;
  }

  /**
   * Commits one frame of header, payload and zero padding to 8 bytes. The caller has checked {@link fits}.
   *
   * @param payloadLength as its header says, and as many bytes as `payload` really holds
   * @returns whether everything before this frame had left the ring: then nobody but the caller knows of the frame,
   *   and the caller must see to its way out
   */
  commit(header: Uint8Array, payload?: Uint8Array, payloadLength = payload?.length ?? 0): boolean {
    const tail = this.#tail;
    this.#put(tail, header, header.length);
    let end = (tail + header.length) | 0;
    if (payload !== undefined) {
      this.#put(end, payload, payloadLength);
      end = (end + payloadLength) | 0;
      for (let pad = -payloadLength & 7; pad > 0; pad--) {
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
   * Pairs with `TakeEnd.advance`, which stores head before it looks at the announcements.
   */
  announceWait(length: number, isData: boolean, how: 'blocking' | 'async'): boolean {
    if (this.fits(length, isData)) return false;
    const room = roomFor(length, isData);
    const word = this.#base + (how === 'blocking' ? SLOT.roomBlockedFor : SLOT.roomAwaited);
    // Of several asynchronous senders the one that needs least is to be told first; all look then. Should main take the
    // others' announcement back at this moment, to tell them, a message too many comes.
    const others = how === 'blocking' ? 0 : Atomics.load(this.#words, word);
    Atomics.store(this.#words, word, others === 0 ? room : Math.min(room, others));
    if (!this.fits(length, isData)) return true;
    // Taken back, unless others wait by the same word.
    if (others === 0) Atomics.store(this.#words, word, 0);
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

  #put(position: number, source: Uint8Array, length: number): void {
    const at = position & MASK;
    const room = RING_BYTES - at;
    if (length <= room) {
      this.#bytes.set(source, at);
    } else {
      this.#bytes.set(viewOf(source, 0, room), at);
      this.#bytes.set(viewOf(source, room, length), 0);
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
   * Takes `length` bytes out of the ring and wakes a producer that blocks, once there is as much room as it needs: woken for
   * each piece that leaves, it would only fall asleep again.
   *
   * @returns `true` if asynchronous senders have their room: main must then send the worker a message
   */
  advance(length: number): boolean {
    Atomics.store(this.#words, this.#base + SLOT.head, (this.#head + length) | 0);
    // Pairs with announceWait: the store of head above comes before this look, the announcement before its second look.
    const blockedFor = Atomics.load(this.#words, this.#base + SLOT.roomBlockedFor);
    if (blockedFor > 0 && this.#hasRoom(blockedFor)) {
      Atomics.store(this.#words, this.#base + SLOT.roomBlockedFor, 0);
      Atomics.add(this.#words, this.#base + SLOT.space, 1);
      Atomics.notify(this.#words, this.#base + SLOT.space);
    }
    return this.#awaitedRoom() > 0;
  }

  /** Ends the wait of asynchronous senders that have their room; `true` if there was one. */
  clearAsyncWait(): boolean {
    const awaited = this.#awaitedRoom();
    if (awaited === 0) return false;
    // A sender that has announced a smaller need since is told by the next look.
    return Atomics.compareExchange(this.#words, this.#base + SLOT.roomAwaited, awaited, 0) === awaited;
  }

  /** What asynchronous senders wait for, if there is as much. */
  #awaitedRoom(): number {
    const awaited = Atomics.load(this.#words, this.#base + SLOT.roomAwaited);
    return awaited > 0 && this.#hasRoom(awaited) ? awaited : 0;
  }

  #hasRoom(bytes: number): boolean {
    return RING_BYTES - ((Atomics.load(this.#words, this.#base + SLOT.tail) - this.#head) | 0) >= bytes;
  }

  get #head(): number {
    // Only the holder of the lock writes head, and the lock's hand-over orders it: a plain read is exact.
    return this.#words[this.#base + SLOT.head] ?? 0;
  }
}

/** `source[start, end)`, which `subarray` need not be where the class is a handler's. */
function viewOf(source: Uint8Array, start: number, end: number): Uint8Array {
  const offset = offsetOf.call(source) as number;
  return new Uint8Array(bufferOf.call(source) as ArrayBuffer, offset + start, end - start);
}

/** Free bytes that `length` bytes need; Data leaves {@link RING_RESERVE} free for what ends streams. */
function roomFor(length: number, isData: boolean): number {
  return length + (isData ? RING_RESERVE : 0);
}
