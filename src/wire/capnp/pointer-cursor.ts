import { NO_BYTES, readUint16, readUint32 } from './bytes.ts';
import { MalformedError, type MalformedKind } from './malformed.ts';
import { SegmentTable } from './segment-table.ts';
import type { WireLimits } from './limits.ts';

// The low two bits of a pointer.
const STRUCT = 0;
const LIST = 1;
const FAR = 2;

// The element sizes of a list pointer; 3, 4 and 5 are two, four and eight bytes.
const VOID = 0;
const BIT = 1;
const BYTE = 2;
const POINTER = 6;
const COMPOSITE = 7;
const BITS_OF_KIND = [0, 1, 8, 16, 32, 64, 64] as const;

const MAX_ELEMENTS = 0x1fff_ffff;

const TRAVERSAL = 'reading it would visit more words than the limit allows';
const TOO_DEEP = 'nested too deeply, or in a cycle';

/**
 * The bounded walk over the pointers of one message, without an allocation per message, pointer or object.
 *
 * Positions are byte offsets into `bytes`; a segment is known by its two ends. Each `follow…` leaves what it found in the fields
 * below, where the next one overwrites it. The checks are those of the C++ implementation (`layout.c++`, `arena.h`), in its
 * order: bounds of the *segment*, not of the message, and every object that a pointer leads to is charged against the traversal
 * limit each time.
 *
 * Encoding: https://capnproto.org/encoding.html
 */
export class PointerCursor {
  readonly limits: WireLimits;
  bytes: Uint8Array = NO_BYTES;
  /** Words that may still be visited. */
  budgetWords = 0;

  /** The object that was found: where it starts, and the segment around it. */
  at = 0;
  segmentStart = 0;
  segmentEnd = 0;
  /** Of a struct, or of each element of a list. */
  dataBytes = 0;
  pointerCount = 0;
  /** Of a list: its elements and the bytes from one to the next. For Text and Data the elements are bytes. */
  elementCount = 0;
  stepBytes = 0;
  isBitList = false;

  readonly #segments = new SegmentTable();
  /** The word that describes the object: the pointer itself, or what a far pointer led to. */
  #tagAt = 0;

  constructor(limits: WireLimits) {
    this.limits = limits;
  }

  /**
   * Takes `bytes[start, end)` as one framed message: segment table, then segments, then nothing more.
   *
   * @throws MalformedError
   */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.budgetWords = this.limits.maxTraversalWords;
    this.#segments.read(bytes, start, end, this.limits);
  }

  /** Follows the root pointer. A null root is a struct of size zero. */
  followRoot(field: string): void {
    const start = this.#segments.firstStart;
    const end = this.#segments.firstEnd;
    this.at = start;
    this.segmentStart = start;
    this.segmentEnd = end;
    this.#claim(1, 'segment-bounds', field, 'the first segment has no room for the root pointer');
    this.followStruct(start, start, end, this.limits.maxNesting, field);
  }

  /**
   * Follows a struct pointer. False for null, which reads as a struct of size zero.
   *
   * @param nestingLeft how many structs and lists may still lie within each other
   */
  followStruct(
    pointerAt: number,
    segmentStart: number,
    segmentEnd: number,
    nestingLeft: number,
    field: string,
  ): boolean {
    if (!this.#follow(pointerAt, segmentStart, segmentEnd, field)) {
      this.dataBytes = 0;
      this.pointerCount = 0;
      return false;
    }
    this.#enterStruct(nestingLeft, field);
    return true;
  }

  /** Follows a pointer to Text or Data; `elementCount` is its length, of Text with the NUL. False for null: length 0. */
  followBytes(pointerAt: number, segmentStart: number, segmentEnd: number, field: string): boolean {
    if (!this.#follow(pointerAt, segmentStart, segmentEnd, field)) {
      this.elementCount = 0;
      return false;
    }
    const tagAt = this.#tagAt;
    if ((this.bytes[tagAt]! & 3) !== LIST) this.fail('pointer-kind', tagAt, field, 'this is no list pointer');
    const sizeAndCount = readUint32(this.bytes, tagAt + 4);
    if ((sizeAndCount & 7) !== BYTE) this.fail('list-kind', tagAt, field, 'this is no list of bytes');
    const count = sizeAndCount >>> 3;
    this.#claim((count + 7) >>> 3, 'list-bounds', field, 'the bytes lie outside their segment');
    this.elementCount = count;
    return true;
  }

  /** Follows a Text pointer and checks its NUL; `elementCount` is the length without it. False for null: length 0. */
  followText(pointerAt: number, segmentStart: number, segmentEnd: number, field: string): boolean {
    if (!this.followBytes(pointerAt, segmentStart, segmentEnd, field)) return false;
    const length = this.elementCount - 1;
    if (length < 0 || this.bytes[this.at + length] !== 0) {
      this.fail('text-termination', this.at, field, 'the text does not end in NUL');
    }
    this.elementCount = length;
    return true;
  }

  /**
   * Follows a list pointer and describes the elements as structs, whatever they are on the wire. False for null: length 0.
   *
   * As in C++, numbers and pointers may stand where structs are expected (schemas may evolve that way), bits may not; here they
   * come out as elements of no size, and it is the caller who refuses them by {@link PointerCursor.isBitList}.
   */
  followList(
    pointerAt: number,
    segmentStart: number,
    segmentEnd: number,
    nestingLeft: number,
    field: string,
  ): boolean {
    if (!this.#follow(pointerAt, segmentStart, segmentEnd, field)) {
      this.elementCount = 0;
      return false;
    }
    this.#enterList(nestingLeft, field);
    return true;
  }

  /**
   * Follows a pointer of a schema that isn't known, and describes the struct, or the elements of the list, that it leads to. A
   * capability, which stands for nothing here, is malformed.
   */
  followAny(
    pointerAt: number,
    segmentStart: number,
    segmentEnd: number,
    nestingLeft: number,
    field: string,
  ): 'nothing' | 'struct' | 'list' {
    if (!this.#follow(pointerAt, segmentStart, segmentEnd, field)) return 'nothing';
    if ((this.bytes[this.#tagAt]! & 3) === STRUCT) {
      this.#enterStruct(nestingLeft, field);
      return 'struct';
    }
    this.#enterList(nestingLeft, field);
    return 'list';
  }

  /** Throws a MalformedError that names the segment and the word of byte `at`. */
  fail(what: MalformedKind, at: number, field: string, detail: string): never {
    throw new MalformedError(what, `${this.#segments.placeOf(at)}, ${field}`, detail);
  }

  /** Finds the describing word and the object of the pointer at `pointerAt`, through far pointers; false for null. */
  #follow(pointerAt: number, segmentStart: number, segmentEnd: number, field: string): boolean {
    const bytes = this.bytes;
    const low = readUint32(bytes, pointerAt);
    if ((low & 3) === FAR) {
      this.#followFar(pointerAt, field);
      return true;
    }
    this.segmentStart = segmentStart;
    this.segmentEnd = segmentEnd;
    if (low === 0 && readUint32(bytes, pointerAt + 4) === 0) {
      this.at = pointerAt;
      return false;
    }
    this.#tagAt = pointerAt;
    this.#target(pointerAt + 8 + ((low | 0) >> 2) * 8);
    return true;
  }

  /**
   * A far pointer leads to a landing pad: a pointer in another segment, or, double, a far pointer to the object with the word
   * that describes it behind. One hop only: a describing word that is itself far fails its caller's check of the kind.
   */
  #followFar(pointerAt: number, field: string): void {
    const bytes = this.bytes;
    const low = readUint32(bytes, pointerAt);
    const isDouble = (low & 4) !== 0;
    this.#enterSegment(readUint32(bytes, pointerAt + 4), pointerAt, field);
    this.#target(this.segmentStart + (low >>> 3) * 8);
    this.#claim(isDouble ? 2 : 1, 'far-pointer', field, 'the landing pad lies outside its segment');
    const pad = this.at;
    if (!isDouble) {
      this.#tagAt = pad;
      this.#target(pad + 8 + ((readUint32(bytes, pad) | 0) >> 2) * 8);
    } else {
      this.#tagAt = pad + 8;
      const padLow = readUint32(bytes, pad);
      this.#enterSegment(readUint32(bytes, pad + 4), pad, field);
      if ((padLow & 3) !== FAR)
        this.fail('far-pointer', pad, field, 'a double-far pad starts with a far pointer');
      this.#target(this.segmentStart + (padLow >>> 3) * 8);
    }
    if ((bytes[this.#tagAt]! & 3) === FAR) {
      this.fail('far-pointer', this.#tagAt, field, 'a far pointer leads to another far pointer');
    }
  }

  #enterSegment(id: number, pointerAt: number, field: string): void {
    const segments = this.#segments;
    if (!segments.has(id)) this.fail('far-pointer', pointerAt, field, `there is no segment ${id}`);
    this.segmentStart = segments.startOf(id);
    this.segmentEnd = segments.endOf(id);
    // As in C++, where a segment without a word counts as missing, also for an object of size zero.
    if (this.segmentStart === this.segmentEnd) {
      this.fail('far-pointer', pointerAt, field, `segment ${id} is empty`);
    }
  }

  /** Outside the segment means its end, as in C++: an object of size zero may claim any place, any other fails its bounds. */
  #target(at: number): void {
    this.at = at < this.segmentStart || at > this.segmentEnd ? this.segmentEnd : at;
  }

  /** Checks that `words` from `at` on lie inside the segment and charges them. */
  #claim(words: number, what: MalformedKind, field: string, detail: string): void {
    if (words * 8 > this.segmentEnd - this.at) this.fail(what, this.at, field, detail);
    if (words > this.budgetWords) this.fail('traversal', this.at, field, TRAVERSAL);
    this.budgetWords -= words;
  }

  /** Elements of no size may be any number without a byte behind them, so each is charged as a word. */
  #claimAmplified(elements: number, field: string): void {
    if (elements > this.budgetWords) this.fail('traversal', this.at, field, TRAVERSAL);
    this.budgetWords -= elements;
  }

  #enterStruct(nestingLeft: number, field: string): void {
    const tagAt = this.#tagAt;
    if (nestingLeft <= 0) this.fail('nesting', this.at, field, TOO_DEEP);
    if ((this.bytes[tagAt]! & 3) !== STRUCT)
      this.fail('pointer-kind', tagAt, field, 'this is no struct pointer');
    const dataWords = readUint16(this.bytes, tagAt + 4);
    const pointerCount = readUint16(this.bytes, tagAt + 6);
    this.#claim(dataWords + pointerCount, 'segment-bounds', field, 'the struct lies outside its segment');
    this.dataBytes = dataWords * 8;
    this.pointerCount = pointerCount;
  }

  #enterList(nestingLeft: number, field: string): void {
    const tagAt = this.#tagAt;
    if (nestingLeft <= 0) this.fail('nesting', this.at, field, TOO_DEEP);
    if ((this.bytes[tagAt]! & 3) !== LIST) this.fail('pointer-kind', tagAt, field, 'this is no list pointer');
    const sizeAndCount = readUint32(this.bytes, tagAt + 4);
    const kind = sizeAndCount & 7;
    const count = sizeAndCount >>> 3;
    this.isBitList = kind === BIT;
    if (kind === COMPOSITE) {
      this.#enterComposite(count, field);
      return;
    }
    const bits = BITS_OF_KIND[kind]!;
    // Up to 2^29 elements of 64 bits: exact as a double, too large for 32-bit operators.
    this.#claim(Math.ceil((count * bits) / 64), 'list-bounds', field, 'the list lies outside its segment');
    if (kind === VOID) this.#claimAmplified(count, field);
    this.elementCount = count;
    this.stepBytes = bits >>> 3;
    this.dataBytes = kind === POINTER ? 0 : this.stepBytes;
    this.pointerCount = kind === POINTER ? 1 : 0;
  }

  #enterComposite(words: number, field: string): void {
    const bytes = this.bytes;
    const tagAt = this.at;
    this.#claim(words + 1, 'list-bounds', field, 'the list lies outside its segment');
    const tag = readUint32(bytes, tagAt);
    if ((tag & 3) !== STRUCT) this.fail('list-kind', tagAt, field, "the list's tag describes no struct");
    // 29 bits, as in C++: the thirtieth of the field is not looked at.
    const count = (tag >>> 2) & MAX_ELEMENTS;
    const dataWords = readUint16(bytes, tagAt + 4);
    const pointerCount = readUint16(bytes, tagAt + 6);
    const wordsPerElement = dataWords + pointerCount;
    // Below 2^29 × 2^17: exact as a double.
    if (count * wordsPerElement > words) {
      this.fail('list-bounds', tagAt, field, 'the elements overrun the word count of their list');
    }
    if (wordsPerElement === 0) this.#claimAmplified(count, field);
    this.at = tagAt + 8;
    this.elementCount = count;
    this.stepBytes = wordsPerElement * 8;
    this.dataBytes = dataWords * 8;
    this.pointerCount = pointerCount;
  }
}
