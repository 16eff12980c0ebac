import { padToWord, writeUint16, writeUint32 } from './bytes.ts';

// Pointers of the Cap'n Proto encoding: the lower half is the distance in words from the pointer's own end with the kind in two bits
// (struct 0, list 1), the upper half says what is there.
const LIST = 1;
const BYTE_ELEMENTS = 2;
const COMPOSITE_ELEMENTS = 7;
const POINTER_ELEMENTS = 6;
const MAX_LIST_BYTES = 0x1fff_ffff;

/** The segment table and the root pointer of a message of one segment. */
const TABLE_BYTES = 8;
const FIRST_BYTES = 1_024;
/** A buffer that had to grow beyond this is not kept. */
const MAX_KEPT_BYTES = 65_536;

const utf8 = new TextEncoder();

/** The upper half of a pointer to a struct. */
export function structShape(dataWords: number, pointers: number): number {
  return dataWords | (pointers << 16);
}

/**
 * Writes what a message says into one segment, front to back, as the C++ builder lays it out: what a pointer leads to is put behind
 * everything so far. Each method takes places as offsets into the segment. An empty text, Data or list stays a null pointer.
 *
 * Encoders share one, since none of them is interrupted: each begins anew, whatever the last one left behind.
 */
export class SegmentWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  /** Bytes written so far, whole words; what is behind them is zero. */
  length = 0;

  /** Begins a segment. */
  begin(): void {
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = new Uint8Array(FIRST_BYTES);
    else this.#bytes.fill(0, 0, this.length);
    this.length = 0;
  }

  /** Begins a message with its root struct. @returns where that is */
  beginMessage(dataWords: number, pointers: number): number {
    this.begin();
    return this.struct(this.allocate(8), dataWords, pointers);
  }

  /** The message that {@link beginMessage} began, framed, in an array of its own. */
  message(): Uint8Array {
    const out = new Uint8Array(TABLE_BYTES + this.length);
    writeUint32(out, 4, this.length / 8);
    this.copyTo(out, TABLE_BYTES);
    return out;
  }

  /** Copies the segment into `out`, from `at` on. */
  copyTo(out: Uint8Array, at: number): void {
    out.set(this.#bytes.subarray(0, this.length), at);
  }

  /** Room for that many bytes and what is missing to a whole word, zeroed. @returns where it is */
  allocate(bytes: number): number {
    const at = this.length;
    const end = at + padToWord(bytes);
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.length = end;
    return at;
  }

  uint16(at: number, value: number): void {
    writeUint16(this.#bytes, at, value);
  }

  uint32(at: number, value: number): void {
    writeUint32(this.#bytes, at, value);
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  uint64(at: number, value: number): void {
    writeUint32(this.#bytes, at, value);
    writeUint32(this.#bytes, at + 4, Math.floor(value / 2 ** 32));
  }

  /** A struct behind the pointer at `pointerAt`. @returns where it is; its pointers follow its data */
  struct(pointerAt: number, dataWords: number, pointers: number): number {
    const at = this.allocate((dataWords + pointers) * 8);
    this.#point(pointerAt, at, 0, structShape(dataWords, pointers));
    return at;
  }

  /** A list of structs. @returns where the first is; each has `dataWords` words, then `pointers` */
  structs(pointerAt: number, count: number, dataWords: number, pointers: number): number {
    const words = count * (dataWords + pointers);
    const tagAt = this.allocate(8 + words * 8);
    this.#point(pointerAt, tagAt, LIST, (words << 3) | COMPOSITE_ELEMENTS);
    writeUint32(this.#bytes, tagAt, count << 2);
    writeUint32(this.#bytes, tagAt + 4, structShape(dataWords, pointers));
    return tagAt + 8;
  }

  texts(pointerAt: number, texts: readonly string[]): void {
    if (texts.length === 0) return;
    const at = this.allocate(texts.length * 8);
    this.#point(pointerAt, at, LIST, (texts.length << 3) | POINTER_ELEMENTS);
    // An element is there, so an empty one is a text of its own.
    texts.forEach((text, i) => this.#put(at + i * 8, text));
  }

  /** A lone surrogate becomes U+FFFD. @throws TypeError for what is no text, RangeError for one that no pointer can describe */
  text(pointerAt: number, text: string): void {
    if (text !== '') this.#put(pointerAt, text);
  }

  #put(pointerAt: number, text: string): void {
    // From callers in JavaScript: without a length it would leave this writer's own in ruins.
    if (typeof text !== 'string')
      throw new TypeError(`a text is expected, and not a value of type ${typeof text}`);
    // UTF-8 takes three bytes for a unit of UTF-16 at most; a text counts its NUL.
    const at = this.allocate(text.length * 3 + 1);
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(at, this.length));
    this.length = at + padToWord(written + 1);
    checkLength(written + 1);
    this.#point(pointerAt, at, LIST, ((written + 1) << 3) | BYTE_ELEMENTS);
  }

  /** @throws TypeError for what is no Uint8Array, RangeError for one that no pointer can describe */
  data(pointerAt: number, data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError('a Uint8Array is expected');
    if (data.length === 0) return;
    checkLength(data.length);
    const at = this.allocate(data.length);
    this.#bytes.set(data, at);
    this.#point(pointerAt, at, LIST, (data.length << 3) | BYTE_ELEMENTS);
  }

  #point(pointerAt: number, at: number, kind: number, what: number): void {
    writeUint32(this.#bytes, pointerAt, (((at - pointerAt - 8) / 8) << 2) | kind);
    writeUint32(this.#bytes, pointerAt + 4, what);
  }
}

function checkLength(length: number): void {
  if (length > MAX_LIST_BYTES) throw new RangeError(`a text or Data of ${length} bytes is too long`);
}

/** The one that all encoders of a thread use. */
export const segment = new SegmentWriter();
