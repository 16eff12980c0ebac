import { readUint32 } from './bytes.ts';
import { MalformedError } from './malformed.ts';
import { segmentTableBytes } from './segment-table.ts';
import type { WireLimits } from './limits.ts';

/**
 * Takes one whole framed message, `bytes[start, end)`: segment table, then segments. Valid during the call only, unless `isOwn`:
 * then `bytes` is the message and nothing else, and belongs to the receiver.
 */
export type OnMessage = (bytes: Uint8Array, start: number, end: number, isOwn: boolean) => void;

/** Makes the buffer of one message, with an ArrayBuffer of its own. Its bytes need not be zero. */
export type MakeBuffer = (bytes: number) => Uint8Array<ArrayBuffer>;

/** The first buffer for a message in pieces; more than the largest segment table, so a table never makes it grow. */
const FIRST_CAPACITY = 8192;

/** A gather buffer up to this size, in bytes, is kept for the next message in pieces: frames of 1 MiB of payload need no new one each. */
const KEPT_CAPACITY = 2 * 1024 * 1024;

/**
 * Messages of these sizes, in bytes, get a buffer of their own where the framer can make one: from where a copy costs more than a
 * buffer does, to the largest Data frame, with room for how another builder lays it out.
 */
const OWN_BYTES = { from: 32_768, to: 1_048_576 + 1_024 } as const;

/** A message gets a buffer of its own once one part in so many has arrived, so that few bytes never take much memory. */
const OWN_PARTS = 32;

/** `total` of a message whose segment table isn't there yet. A real one is at least 8. */
const UNKNOWN = 0;

/**
 * Cuts a byte stream into framed messages.
 *
 * A message that lies whole in a chunk is handed on where it lies. One that comes in pieces is gathered in a buffer that grows
 * with the bytes that really arrive, never with what a segment table declares. A table is checked before anything is kept for
 * its message.
 *
 * A large message can have a buffer of its own, which whoever gets the message may keep. Who reads can put the rest of such a
 * message where it belongs: into {@link Framer.room}.
 */
export class Framer {
  readonly #limits: WireLimits;
  readonly #onMessage: OnMessage;
  readonly #makeBuffer: MakeBuffer | undefined;
  /** The buffer of the message in pieces, if it has one of its own. */
  #own: Uint8Array<ArrayBuffer> | undefined;
  /** The bytes of a message in pieces are the first `#held` of `#own`, else of `#gathered`. */
  #gathered = new Uint8Array(0);
  #held = 0;

  /** @param makeBuffer makes large messages their receiver's; without it all are valid during the call only */
  constructor(limits: WireLimits, onMessage: OnMessage, makeBuffer?: MakeBuffer) {
    this.#limits = limits;
    this.#onMessage = onMessage;
    this.#makeBuffer = makeBuffer;
  }

  /** Bytes held of a message that isn't complete. Above 0 when the input ends: it ended inside a message. */
  get pendingBytes(): number {
    return this.#held;
  }

  /**
   * Where the next bytes need no copy: the rest of a large message in pieces. What is read there is pushed as the beginning of this
   * view, before any other chunk. `undefined` if the next bytes may lie anywhere.
   */
  get room(): Uint8Array | undefined {
    return this.#own?.subarray(this.#held);
  }

  /**
   * Takes the next bytes, cut anywhere, and hands on each message that they complete. The chunk may be reused afterwards.
   *
   * @throws MalformedError for a table that is over the limits, and whatever `onMessage` throws; the framer is done for then
   */
  push(chunk: Uint8Array): void {
    const size = chunk.length;
    let at = this.#held === 0 ? 0 : this.#gather(chunk, 0);
    while (size - at >= 8) {
      const total = this.#messageBytes(chunk, at, size);
      if (total === UNKNOWN || total > size - at) break;
      const own = this.#ownBuffer(total, total);
      if (own === undefined) this.#onMessage(chunk, at, at + total, false);
      else {
        own.set(chunk.subarray(at, at + total));
        this.#onMessage(own, 0, total, true);
      }
      at += total;
    }
    if (at < size) this.#gather(chunk, at);
  }

  /** Adds to the message in pieces from `chunk[at]` on, hands it on if that completes it, and says how far it went. */
  #gather(chunk: Uint8Array, at: number): number {
    let from = at;
    for (;;) {
      const total = this.#held < 8 ? UNKNOWN : this.#messageBytes(this.#own ?? this.#gathered, 0, this.#held);
      const goal = total === UNKNOWN ? this.#tableGoal() : total;
      if (this.#own === undefined && total !== UNKNOWN) {
        this.#own = this.#ownBuffer(total, this.#held + chunk.length - from);
        this.#own?.set(this.#gathered.subarray(0, this.#held));
      }
      const taken = Math.min(goal - this.#held, chunk.length - from);
      this.#append(chunk, from, taken, goal);
      from += taken;
      if (this.#held < goal) return from;
      if (total !== UNKNOWN) {
        this.#deliver(total);
        return from;
      }
    }
  }

  /** How many bytes to have before the table says more: its first word, then all of it. */
  #tableGoal(): number {
    return this.#held < 8 ? 8 : segmentTableBytes(readUint32(this.#gathered, 0) + 1);
  }

  /** A buffer for a message of `total` bytes if it is large, and `arrived` bytes of it are there; else `undefined`. */
  #ownBuffer(total: number, arrived: number): Uint8Array<ArrayBuffer> | undefined {
    if (total < OWN_BYTES.from || total > OWN_BYTES.to || total > arrived * OWN_PARTS) return undefined;
    return this.#makeBuffer?.(total);
  }

  #append(chunk: Uint8Array, from: number, length: number, goal: number): void {
    const needed = this.#held + length;
    if (this.#own !== undefined) {
      // What lies in the room is where it belongs.
      if (chunk.buffer !== this.#own.buffer) this.#own.set(chunk.subarray(from, from + length), this.#held);
      this.#held = needed;
      return;
    }
    if (needed > this.#gathered.length) {
      // At least doubling bounds the copying; never beyond the message, nor by more than has arrived.
      const capacity = Math.max(FIRST_CAPACITY, Math.min(goal, Math.max(needed, this.#gathered.length * 2)));
      const larger = new Uint8Array(capacity);
      larger.set(this.#gathered.subarray(0, this.#held));
      this.#gathered = larger;
    }
    this.#gathered.set(chunk.subarray(from, from + length), this.#held);
    this.#held = needed;
  }

  #deliver(total: number): void {
    const own = this.#own;
    const message = own ?? this.#gathered;
    this.#held = 0;
    this.#own = undefined;
    if (this.#gathered.length > KEPT_CAPACITY) this.#gathered = new Uint8Array(0);
    this.#onMessage(message, 0, total, own !== undefined);
  }

  /**
   * The size of the message that starts at `at`, of which at least 8 bytes are there; UNKNOWN until its whole table is, which is
   * at most 2 KiB.
   */
  #messageBytes(bytes: Uint8Array, at: number, end: number): number {
    const last = readUint32(bytes, at);
    // As doubles: a count of 2^32, and the sum of 511 sizes of 2^32-1 words, would wrap in 32 bits.
    let total = 8 + readUint32(bytes, at + 4) * 8;
    if (last > 0) {
      const count = last + 1;
      if (count >= this.#limits.maxSegments) {
        throw new MalformedError('segment-count', 'segment table', `it declares ${count} segments`);
      }
      const tableBytes = segmentTableBytes(count);
      if (end - at < tableBytes) return UNKNOWN;
      total += tableBytes - 8;
      for (let i = 1; i < count; i += 1) total += readUint32(bytes, at + 4 + i * 4) * 8;
    }
    if (total > this.#limits.maxMessageBytes) {
      throw new MalformedError('message-limit', 'segment table', `it declares ${total} bytes`);
    }
    return total;
  }
}
