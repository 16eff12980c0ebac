import { copyOut, uninitialised } from '../base/buffers.ts';
import { type StreamStart, OP, OPEN_HEADER } from './messages.ts';

/**
 * Bytes of an operation's header: kind, target and payload length as three Int32, and one Int32 of padding, so that payloads stay
 * aligned.
 */
const OP_HEADER = 16;

/** The kind of what is no operation: bytes to skip. */
const SKIP = -1;

/** Ahead of a payload that is handed over in its message's buffer there are at most so many bytes, which are kept with it. */
const MOST_AHEAD = 1_024;

/** Size of a batch's first buffer, in bytes: enough for the small operations of one read. */
const FIRST_BYTES = 4096;

/** A payload of up to so many bytes is copied word by word. */
const SHORT_BYTES = 128;

/** The byte order of this machine's Int32Array. A word that is read in this order and stored keeps the order of its bytes. */
const IS_LITTLE_ENDIAN = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;

/** Collects the operations that one read brought for one worker, to be posted as a single buffer. */
export class OpBatch {
  /**
   * Empty after a batch whose buffer was handed over itself, because only the next operation tells how large the next buffer must
   * be.
   */
  #bytes = new Uint8Array(0);
  #words = new Int32Array(this.#bytes.buffer);
  #length = 0;
  /** A view of the buffer that held the last short payload. It is kept because all reads use the same buffer. */
  #source: DataView = new DataView(new ArrayBuffer(0));

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Appends the beginning of a stream: {@link OPEN_HEADER}, then the frame of its Open, whose context its thread decodes. */
  addOpen({ jobId, block, openedAt, queuedMs, bytes, start, end }: StreamStart): void {
    const at = this.#reserve(OP.open, jobId, OPEN_HEADER.bytes + end - start);
    this.#words[(at + OPEN_HEADER.block) >> 2] = block;
    const times = new Float64Array(this.#bytes.buffer, at + OPEN_HEADER.openedAt, 2);
    times[0] = openedAt;
    times[1] = queuedMs;
    this.#put(bytes, start, end - start, at + OPEN_HEADER.bytes);
  }

  /** Appends `source[start, end)` as the payload of one operation. */
  add(kind: number, target: number, source: Uint8Array, start: number, end: number): void {
    const at = this.#reserve(kind, target, end - start);
    this.#put(source, start, end - start, at);
  }

  /** Appends an operation with room for its payload. @returns the payload's offset in bytes */
  #reserve(kind: number, target: number, payloadBytes: number): number {
    const next = this.#length + OP_HEADER + ((payloadBytes + 7) & ~7);
    if (next > this.#bytes.length) this.#grow(next);
    const word = this.#length >> 2;
    this.#words[word] = kind;
    this.#words[word + 1] = target;
    this.#words[word + 2] = payloadBytes;
    const at = this.#length + OP_HEADER;
    this.#length = next;
    return at;
  }

  #put(source: Uint8Array, start: number, length: number, at: number): void {
    if (length === 0) return;
    if (length <= SHORT_BYTES) this.#copyShort(source, start, length, at);
    else this.#bytes.set(source.subarray(start, start + length), at);
  }

  /** Copies by words. A short payload then costs a third, since `set` would need a new view for each. */
  #copyShort(source: Uint8Array, start: number, length: number, at: number): void {
    if (this.#source.buffer !== source.buffer) this.#source = new DataView(source.buffer);
    const from = source.byteOffset + start;
    const word = at >> 2;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4)
      this.#words[word + (i >> 2)] = this.#source.getInt32(from + i, IS_LITTLE_ENDIAN);
    for (let i = whole; i < length; i++) this.#bytes[at + i] = this.#source.getUint8(from + i);
  }

  /** Takes the batch as a buffer of its own, to be transferred. The collector is empty afterwards. */
  take(): ArrayBuffer {
    const { buffer } = this.#bytes;
    const isFull = this.#length * 2 > buffer.byteLength;
    const length = this.#length;
    this.#length = 0;
    if (!isFull) return buffer.slice(0, length);
    // A buffer that is more than half full is handed over itself instead of a copy. A kind of 0 after the last operation marks the
    // end.
    if (length < buffer.byteLength) this.#words[length >> 2] = 0;
    this.#bytes = new Uint8Array(0);
    return buffer;
  }

  #grow(needed: number): void {
    const old = this.#bytes.subarray(0, this.#length);
    // No byte of it is read before it was written.
    this.#bytes = uninitialised(Math.max(FIRST_BYTES, needed, this.#bytes.length * 2));
    this.#words = new Int32Array(this.#bytes.buffer);
    if (old.length > 0) this.#bytes.set(old);
  }
}

/**
 * Makes a batch with one operation of a message's own buffer, without a copy: the header is written ahead of the payload
 * `message[start, end)`, over what the message had there.
 *
 * @returns `undefined`, with nothing changed, if the payload isn't aligned, or isn't nearly all of the message, or has no room ahead
 */
export function batchInPlace(
  kind: number,
  target: number,
  message: Uint8Array,
  start: number,
  end: number,
): ArrayBuffer | undefined {
  const { buffer } = message;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === message.length;
  const hasRoom = start >= 2 * OP_HEADER && start <= MOST_AHEAD && (start & 7) === 0;
  if (!isWhole || !hasRoom || ((end + 7) & ~7) !== message.length) return undefined;
  const words = new Int32Array(buffer, 0, start >> 2);
  words.set([SKIP, 0, start - 2 * OP_HEADER]);
  words.set([kind, target, end - start], (start - OP_HEADER) >> 2);
  return buffer;
}

/**
 * V8 keeps arrays up to this size, in bytes, on its own heap. Such a copy costs less than a view, which would keep a whole batch.
 */
const ON_HEAP_BYTES = 64;

/**
 * Reads the operations of a batch in order. {@link next} goes on after the last operation read, whoever calls it. Chunks that share
 * a batch are copied out of it, so that keeping one doesn't keep them all, and so that posting one elsewhere doesn't clone them
 * all.
 */
export class OpReader {
  kind = 0;
  target = 0;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #at = 0;
  #start = 0;
  #end = 0;
  /** Number of operations read. */
  #read = 0;

  constructor(batch: ArrayBuffer) {
    this.#words = new Int32Array(batch);
    this.#bytes = new Uint8Array(batch);
  }

  /** Reads the header of the next operation. @returns whether there was one */
  next(): boolean {
    if (this.#words[0] === SKIP && this.#read === 0) this.#at = OP_HEADER + (this.#words[2] ?? 0);
    const word = this.#at >> 2;
    if (this.#at >= this.#bytes.length || this.#words[word] === 0) return false;
    this.#read++;
    this.kind = this.#words[word] ?? 0;
    this.target = this.#words[word + 1] ?? 0;
    this.#start = this.#at + OP_HEADER;
    this.#end = this.#start + (this.#words[word + 2] ?? 0);
    this.#at = (this.#end + 7) & ~7;
    return true;
  }

  /** The payload of the operation that was read last. The caller may keep it. */
  payload(): Uint8Array {
    const isAlone = this.#read === 1 && (this.#at === this.#bytes.length || this.#words[this.#at >> 2] === 0);
    return isAlone && this.#end - this.#start > ON_HEAP_BYTES
      ? this.view()
      : copyOut(this.#bytes, this.#start, this.#end);
  }

  /** The same payload as a view of the batch, without a copy. */
  view(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }
}

/** Calls `onOp` for each operation of a batch, in order. */
export function readOps(
  batch: ArrayBuffer,
  onOp: (kind: number, target: number, payload: Uint8Array) => void,
): void {
  for (const ops = new OpReader(batch); ops.next();) onOp(ops.kind, ops.target, ops.payload());
}
