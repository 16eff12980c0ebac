import { RING_BYTES, RING_RESERVE, SLOT } from './layout.ts';
import type { Region, SlotNumber } from './region.ts';

const MASK = RING_BYTES - 1;

/**
 * Getters for the place of a payload in memory. The language's own are used, because a handler may have put other getters on its
 * object or class.
 */
const getterOf = (name: 'buffer' | 'byteOffset'): ((this: Uint8Array) => unknown) => {
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return (Object.getOwnPropertyDescriptor(typedArray, name) as { get: (this: Uint8Array) => unknown }).get;
};
const bufferOf = getterOf('buffer');
const offsetOf = getterOf('byteOffset');

/**
 * The producer's end of a worker's ring, which holds the frames that wait for the wire.
 *
 * Single producer (the worker), single consumer (whoever holds the write lock). One store of `tail` makes a whole frame visible. So
 * every frame that a worker committed before it died reaches the wire later, and no part of any other frame does.
 */
export class RingProducer {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #bytes: Uint8Array;
  /** A copy of the shared word of the same name, which only this thread writes. */
  #tail: number;
  /** The shared head as this thread last saw it. An old value only makes the ring look fuller than it is. */
  #head: number;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#base = region.slotBase(slot);
    this.#bytes = region.ringBytes(slot);
    this.#tail = Atomics.load(this.#words, this.#base + SLOT.tail);
    this.#head = Atomics.load(this.#words, this.#base + SLOT.head);
  }

  /** Bytes that are committed and not yet taken. Other threads can only make it smaller. */
  get pending(): number {
    // Pairs with the holder's store of head.
    this.#head = Atomics.load(this.#words, this.#base + SLOT.head);
    return (this.#tail - this.#head) | 0;
  }

  /** Whether a frame of `length` bytes fits now. */
  fits(length: number, isData: boolean): boolean {
    const most = RING_BYTES - roomFor(length, isData);
    return ((this.#tail - this.#head) | 0) <= most || this.pending <= most;
  }

  /** The ring position at the end of a frame of `length` bytes if it is committed next. A job's `terminalEnd` gets this value. */
  endOfNext(length: number): number {
    return (this.#tail + length) | 0;
  }

  /**
   * Commits one frame of header, payload and zero padding to 8 bytes. The caller has checked {@link fits}.
   *
   * @param payloadLength the length in the frame's header; `payload` must really hold as many bytes
   * @returns whether everything before this frame had left the ring. Then nobody but the caller knows of the frame, so the caller
   *   must see to it that it is written
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
    // The commit. It is sequentially consistent and pairs with the holder's release and second look in `WorkerWriteLock.flush`:
    // either the holder's second look sees this frame, or our flush finds the lock free.
    Atomics.store(this.#words, this.#base + SLOT.tail, end);
    // After the commit. Pairs with the store of head in `RingConsumer.advance`: a holder that took the previous frame either sees ours
    // in its second look, or we see its head here.
    this.#head = Atomics.load(this.#words, this.#base + SLOT.head);
    return this.#head === tail;
  }

  /**
   * Announces that the producer waits for room, then looks again. Returns `true` if there is still no room, so that the producer
   * must wait. Pairs with `RingConsumer.advance`, which stores head before it looks at the announcements.
   */
  announceWait(length: number, isData: boolean, how: 'blocking' | 'async'): boolean {
    if (this.fits(length, isData)) return false;
    const room = roomFor(length, isData);
    const word = this.#base + (how === 'blocking' ? SLOT.roomBlockedFor : SLOT.roomAwaited);
    // Of several asynchronous senders the smallest need is announced, because all of them try again when one is told. If main takes
    // the others' announcement back at this moment in order to tell them, the worst is one message too many.
    const others = how === 'blocking' ? 0 : Atomics.load(this.#words, word);
    Atomics.store(this.#words, word, others === 0 ? room : Math.min(room, others));
    if (!this.fits(length, isData)) return true;
    // There is room, so take the announcement back, unless others wait by the same word.
    if (others === 0) Atomics.store(this.#words, word, 0);
    return false;
  }

  /**
   * The futex word's value. Read it before the last check that precedes {@link waitForSpace}, so that a change after the check is
   * not slept through. Pairs with the add in `RingConsumer.advance` and in `SlotSignals.wakeSender`.
   */
  spaceTicket(): number {
    return Atomics.load(this.#words, this.#base + SLOT.space);
  }

  /** Blocks until the word differs from `ticket`, because room has appeared or main wants the worker to check its cause. */
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

/** The consumer's end of a slot's ring. Only the holder of the write lock may use it. */
export class RingConsumer {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #bytes: Uint8Array;

  constructor(region: Region, slot: SlotNumber) {
    this.#words = region.words;
    this.#base = region.slotBase(slot);
    this.#bytes = region.ringBytes(slot);
  }

  /** Bytes that are committed and not yet taken: the rest of the last partial write, then whole frames. 0 for a revoked slot. */
  get pending(): number {
    if (Atomics.load(this.#words, this.#base + SLOT.revoked) === 1) return 0;
    // Pairs with the producer's commit: all bytes before tail are completely in the ring.
    return (Atomics.load(this.#words, this.#base + SLOT.tail) - this.#head) | 0;
  }

  /** The bytes for one write attempt: the first contiguous part of the pending bytes, as offset and length. */
  contiguous(pending: number): { bytes: Uint8Array; offset: number; length: number } {
    const offset = this.#head & MASK;
    return { bytes: this.#bytes, offset, length: Math.min(pending, RING_BYTES - offset) };
  }

  /** Copies the first `length` pending bytes to `target` at `at`. The caller must {@link advance} afterwards. */
  copyTo(target: Uint8Array, at: number, length: number): void {
    const offset = this.#head & MASK;
    const first = Math.min(length, RING_BYTES - offset);
    target.set(this.#bytes.subarray(offset, offset + first), at);
    if (first < length) target.set(this.#bytes.subarray(0, length - first), at + first);
  }

  /**
   * Takes `length` bytes out of the ring. It wakes a producer that blocks only when there is as much room as the producer needs,
   * because one that is woken for each piece would only fall asleep again.
   *
   * @returns `true` if asynchronous senders now have their room, so that main must send the worker a message
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

  /** Ends the wait of asynchronous senders that now have their room. @returns `true` if any waited */
  clearAsyncWait(): boolean {
    const awaited = this.#awaitedRoom();
    if (awaited === 0) return false;
    // The exchange fails if a sender has announced a smaller need meanwhile. The next look tells that sender. Pairs with the store
    // in `RingProducer.announceWait`.
    return Atomics.compareExchange(this.#words, this.#base + SLOT.roomAwaited, awaited, 0) === awaited;
  }

  /** The bytes that asynchronous senders wait for if there is as much room; else 0. */
  #awaitedRoom(): number {
    const awaited = Atomics.load(this.#words, this.#base + SLOT.roomAwaited);
    return awaited > 0 && this.#hasRoom(awaited) ? awaited : 0;
  }

  #hasRoom(bytes: number): boolean {
    return RING_BYTES - ((Atomics.load(this.#words, this.#base + SLOT.tail) - this.#head) | 0) >= bytes;
  }

  get #head(): number {
    // A plain read is exact, because only the holder of the lock writes head, and the hand-over of the lock orders its stores.
    return this.#words[this.#base + SLOT.head] ?? 0;
  }
}

/** A view of `source[start, end)`. `subarray` is not used, because a handler's own class may define it differently. */
function viewOf(source: Uint8Array, start: number, end: number): Uint8Array {
  const offset = offsetOf.call(source) as number;
  return new Uint8Array(bufferOf.call(source) as ArrayBuffer, offset + start, end - start);
}

/** Free bytes that a frame of `length` bytes needs. Data leaves {@link RING_RESERVE} bytes free for terminal and credit frames. */
function roomFor(length: number, isData: boolean): number {
  return length + (isData ? RING_RESERVE : 0);
}
