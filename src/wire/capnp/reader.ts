import { NO_BYTES, padToWord, readUint16, readUint32 } from './bytes.ts';
import { PointerCursor } from './pointer-cursor.ts';
import { checkUtf8, decodeUtf8 } from './utf8.ts';
import type { WireLimits } from './limits.ts';

/**
 * Reads one message after the other with bounds, for messages that need no speed; the hot ones use {@link PointerCursor} itself.
 *
 * The readers that come from `root()` are valid until the next `open()`. All of their methods throw MalformedError.
 */
export class MessageReader {
  readonly #cursor: PointerCursor;

  constructor(limits: WireLimits) {
    this.#cursor = new PointerCursor(limits);
  }

  /** Takes `bytes[start, end)` as one framed message, segment table and all, with nothing behind it. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.#cursor.open(bytes, start, end);
  }

  /** The root struct; a null root has all defaults. */
  root(): StructReader {
    this.#cursor.followRoot('root');
    return readerAtCursor(this.#cursor, this.#cursor.limits.maxNesting - 1);
  }
}

/** The struct that `cursor` has just found. */
function readerAtCursor(cursor: PointerCursor, nestingLeft: number): StructReader {
  return new StructReader(cursor, cursor.at, cursor.dataBytes, cursor.pointerCount, nestingLeft);
}

/**
 * The fields of one struct by their place: byte offset in the data section, or index in the pointer section.
 *
 * Fields outside a section read as their default (0, empty), since an older schema may have written the struct; a schema default
 * is the caller's to apply (XOR for numbers). `field` only names the place in errors.
 */
export class StructReader {
  readonly #cursor: PointerCursor;
  readonly #at: number;
  readonly #dataBytes: number;
  readonly #pointerCount: number;
  readonly #segmentStart: number;
  readonly #segmentEnd: number;
  readonly #nestingLeft: number;

  /** The segment is that of the object which `cursor` found last. */
  constructor(
    cursor: PointerCursor,
    at: number,
    dataBytes: number,
    pointerCount: number,
    nestingLeft: number,
    segmentStart: number = cursor.segmentStart,
    segmentEnd: number = cursor.segmentEnd,
  ) {
    this.#cursor = cursor;
    this.#at = at;
    this.#dataBytes = dataBytes;
    this.#pointerCount = pointerCount;
    this.#segmentStart = segmentStart;
    this.#segmentEnd = segmentEnd;
    this.#nestingLeft = nestingLeft;
  }

  uint16(byteOffset: number): number {
    return byteOffset + 2 <= this.#dataBytes ? readUint16(this.#cursor.bytes, this.#at + byteOffset) : 0;
  }

  uint32(byteOffset: number): number {
    return byteOffset + 4 <= this.#dataBytes ? readUint32(this.#cursor.bytes, this.#at + byteOffset) : 0;
  }

  uint64(byteOffset: number): bigint {
    if (byteOffset + 8 > this.#dataBytes) return 0n;
    return (BigInt(this.uint32(byteOffset + 4)) << 32n) | BigInt(this.uint32(byteOffset));
  }

  /** A UInt64 as a number: exact up to 2^53, beyond that the nearest double. */
  uint64AsNumber(byteOffset: number): number {
    if (byteOffset + 8 > this.#dataBytes) return 0;
    return this.uint32(byteOffset + 4) * 0x1_0000_0000 + this.uint32(byteOffset);
  }

  /** Whether the pointer is set; says nothing about where it leads. */
  has(pointerIndex: number): boolean {
    const at = this.#pointerAt(pointerIndex);
    const { bytes } = this.#cursor;
    return at >= 0 && (readUint32(bytes, at) !== 0 || readUint32(bytes, at + 4) !== 0);
  }

  /** Text without its NUL; empty for null. */
  text(pointerIndex: number, field?: string): string {
    const at = this.#pointerAt(pointerIndex);
    return at < 0
      ? ''
      : readText(this.#cursor, at, this.#segmentStart, this.#segmentEnd, name(pointerIndex, field));
  }

  /**
   * Finds in a Text what {@link text} finds wrong, without making it.
   *
   * @param maxBytes the UTF-8 of a text that takes more is not looked at
   * @returns the bytes that it takes: with its NUL, padded to whole words; 0 for null
   */
  checkText(pointerIndex: number, field: string, maxBytes: number): number {
    const at = this.#pointerAt(pointerIndex);
    return at < 0 ? 0 : checkTextAt(this.#cursor, at, this.#segmentStart, this.#segmentEnd, field, maxBytes);
  }

  /** `look` charges nothing against the traversal limit, because the same words are read afterwards. */
  withoutCharge<T>(look: () => T): T {
    const { budgetWords } = this.#cursor;
    const seen = look();
    this.#cursor.budgetWords = budgetWords;
    return seen;
  }

  /** A view on the message's bytes, valid as long as they are; empty for null. */
  data(pointerIndex: number, field?: string): Uint8Array {
    const at = this.#pointerAt(pointerIndex);
    const cursor = this.#cursor;
    if (at < 0) return NO_BYTES;
    if (!cursor.followBytes(at, this.#segmentStart, this.#segmentEnd, name(pointerIndex, field)))
      return NO_BYTES;
    return viewOf(cursor.bytes, cursor.at, cursor.at + cursor.elementCount);
  }

  /** The struct there; null reads as one with all defaults. */
  struct(pointerIndex: number, field?: string): StructReader {
    const at = this.#pointerAt(pointerIndex);
    const cursor = this.#cursor;
    if (at < 0) return new StructReader(cursor, this.#at, 0, 0, 0);
    cursor.followStruct(
      at,
      this.#segmentStart,
      this.#segmentEnd,
      this.#nestingLeft,
      name(pointerIndex, field),
    );
    return readerAtCursor(cursor, this.#nestingLeft - 1);
  }

  /**
   * The structs of a list; empty for null.
   *
   * `length` may be as large as the traversal limit with no bytes behind it (elements of no size): bound it before anything is
   * built for each element.
   */
  structList(pointerIndex: number, field?: string): StructListReader {
    const cursor = this.#cursor;
    const where = name(pointerIndex, field);
    const found = this.#followList(pointerIndex, where);
    if (found && cursor.isBitList)
      cursor.fail('list-kind', cursor.at, where, 'bits can not be read as structs');
    return new StructListReader(cursor, found ? cursor.elementCount : 0, this.#nestingLeft - 1, where);
  }

  /**
   * All texts of a list; a null element is the empty text.
   *
   * @param maxBytes of all of them together: many pointers may lead to one text, and a small message could fill memory
   */
  textList(pointerIndex: number, field?: string, maxBytes = Infinity): string[] {
    const cursor = this.#cursor;
    const where = name(pointerIndex, field);
    if (!this.#followList(pointerIndex, where)) return [];
    // A list of structs is accepted for the first pointer of each, as in C++.
    if (cursor.pointerCount === 0)
      cursor.fail('list-kind', cursor.at, where, 'the elements hold no pointers');
    const { elementCount, stepBytes, segmentStart, segmentEnd } = cursor;
    const first = cursor.at + cursor.dataBytes;
    const texts: string[] = [];
    let bytes = 0;
    for (let i = 0; i < elementCount; i += 1) {
      texts.push(readText(cursor, first + i * stepBytes, segmentStart, segmentEnd, where));
      bytes += cursor.elementCount;
      if (bytes > maxBytes)
        cursor.fail('traversal', first, where, 'it holds far more text than the message has bytes');
    }
    return texts;
  }

  #followList(pointerIndex: number, field: string): boolean {
    const at = this.#pointerAt(pointerIndex);
    if (at < 0) return false;
    return this.#cursor.followList(at, this.#segmentStart, this.#segmentEnd, this.#nestingLeft, field);
  }

  /** Where pointer `index` is; -1 for one that this struct is too short for. */
  #pointerAt(index: number): number {
    return index < this.#pointerCount ? this.#at + this.#dataBytes + index * 8 : -1;
  }
}

/** The elements of a struct list, read when asked for. */
export class StructListReader {
  readonly length: number;
  readonly #cursor: PointerCursor;
  readonly #start: number;
  readonly #stepBytes: number;
  readonly #dataBytes: number;
  readonly #pointerCount: number;
  readonly #segmentStart: number;
  readonly #segmentEnd: number;
  readonly #nestingLeft: number;
  readonly #field: string;

  /** The list is what `cursor` found last. */
  constructor(cursor: PointerCursor, length: number, nestingLeft: number, field: string) {
    this.length = length;
    this.#cursor = cursor;
    this.#start = cursor.at;
    this.#stepBytes = cursor.stepBytes;
    this.#dataBytes = cursor.dataBytes;
    this.#pointerCount = cursor.pointerCount;
    this.#segmentStart = cursor.segmentStart;
    this.#segmentEnd = cursor.segmentEnd;
    this.#nestingLeft = nestingLeft;
    this.#field = field;
  }

  /** Whether the elements have room for pointers; if not, there is nothing in them to follow. */
  get hasPointers(): boolean {
    return this.#pointerCount > 0;
  }

  /** As {@link StructReader.checkText}, of element `index`, which is inside the list. Makes no reader. */
  checkText(index: number, pointerIndex: number, field: string, maxBytes: number): number {
    if (pointerIndex >= this.#pointerCount) return 0;
    const at = this.#elementAt(index) + this.#dataBytes + pointerIndex * 8;
    return checkTextAt(this.#cursor, at, this.#segmentStart, this.#segmentEnd, field, maxBytes);
  }

  /** @throws RangeError for an index outside the list, which is the caller's mistake */
  at(index: number): StructReader {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`no element ${index} of ${this.length}`);
    return new StructReader(
      this.#cursor,
      this.#elementAt(index),
      this.#dataBytes,
      this.#pointerCount,
      this.#nestingLeft - 1,
      this.#segmentStart,
      this.#segmentEnd,
    );
  }

  #elementAt(index: number): number {
    const at = this.#start + index * this.#stepBytes;
    if (this.#nestingLeft <= 0)
      this.#cursor.fail('nesting', at, this.#field, 'nested too deeply, or in a cycle');
    return at;
  }
}

/** `bytes[start, end)` as a plain Uint8Array, also of a Node Buffer, whose `subarray` and `slice` are its own and do not copy. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

function readText(
  cursor: PointerCursor,
  pointerAt: number,
  segmentStart: number,
  segmentEnd: number,
  field: string,
): string {
  if (!cursor.followText(pointerAt, segmentStart, segmentEnd, field)) return '';
  return decodeUtf8(cursor.bytes, cursor.at, cursor.at + cursor.elementCount, field);
}

function checkTextAt(
  cursor: PointerCursor,
  pointerAt: number,
  segmentStart: number,
  segmentEnd: number,
  field: string,
  maxBytes: number,
): number {
  if (!cursor.followText(pointerAt, segmentStart, segmentEnd, field)) return 0;
  const { at, elementCount } = cursor;
  const bytes = padToWord(elementCount + 1);
  if (bytes <= maxBytes) checkUtf8(cursor.bytes, at, at + elementCount, field);
  return bytes;
}

function name(pointerIndex: number, field: string | undefined): string {
  return field ?? `pointer ${pointerIndex}`;
}
