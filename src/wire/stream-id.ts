declare const brand: unique symbol;

/** A stream's id as text: 32 lower-case hex digits, the high 64 bits first. It is the requestId of the stream's envelopes. */
export type StreamId = string & { readonly [brand]: 'StreamId' };

/** Length of a {@link StreamId}, in characters and in bytes. */
export const STREAM_ID_LENGTH = 32;

const PATTERN = /^[0-9a-f]{32}$/;

/** `text` as an id; `undefined` where it isn't 32 lower-case hex digits. */
export function parseStreamId(text: string): StreamId | undefined {
  return isStreamId(text) ? text : undefined;
}

/** An id as four words of 32 bits, the first the most significant: what a frame carries. As Int32, which V8 keeps without a box. */
export interface IdWords {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
}

/** The digits of the id that is made: each call writes all of them. */
const digits = new Array<number>(STREAM_ID_LENGTH).fill(0);

/** The id of four words, signed or not, most significant first: `hi` in two halves, then `lo`. */
export function streamIdFromWords(hiHigh: number, hiLow: number, loHigh: number, loLow: number): StreamId {
  for (let i = 0; i < 8; i += 1) {
    const shift = 28 - i * 4;
    digits[i] = digitOf(hiHigh >>> shift);
    digits[i + 8] = digitOf(hiLow >>> shift);
    digits[i + 16] = digitOf(loHigh >>> shift);
    digits[i + 24] = digitOf(loLow >>> shift);
  }
  // In one step: joined from parts, each id would keep its parts.
  return String.fromCharCode.apply(null, digits) as StreamId;
}

/** The four words of an id, as Int32, most significant first. */
export function streamIdWords(id: StreamId): readonly [number, number, number, number] {
  return [wordOf(id, 0), wordOf(id, 8), wordOf(id, 16), wordOf(id, 24)];
}

/** Whether `bytes[start, end)` is the text of an id. Allocates nothing. */
export function isStreamIdText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== STREAM_ID_LENGTH) return false;
  for (let i = start; i < end; i += 1) {
    const c = bytes[i]!;
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false;
  }
  return true;
}

/** Whether the eight digits from `bytes[start]` on are those of the UInt32 `word`. Allocates nothing. */
export function hexEqualsWord(bytes: Uint8Array, start: number, word: number): boolean {
  for (let i = 0; i < 8; i += 1) {
    if (bytes[start + i] !== digitOf(word >>> (28 - i * 4))) return false;
  }
  return true;
}

function isStreamId(text: string): text is StreamId {
  return PATTERN.test(text);
}

/** For each byte its two hex digits, as the first two bytes of a little-endian word. */
const DIGITS = Int32Array.from({ length: 256 }, (_, byte) => digitOf(byte >>> 4) | (digitOf(byte) << 8));

/** Writes the eight hex digits of `word`. */
export function writeHexDigits(view: DataView, at: number, word: number): void {
  view.setInt32(at, DIGITS[word >>> 24]! | (DIGITS[(word >>> 16) & 0xff]! << 16), true);
  view.setInt32(at + 4, DIGITS[(word >>> 8) & 0xff]! | (DIGITS[word & 0xff]! << 16), true);
}

/** Whether the eight bytes at `at` are the hex digits of `word`. */
export function saysWord(view: DataView, at: number, word: number): boolean {
  const high = DIGITS[word >>> 24]! | (DIGITS[(word >>> 16) & 0xff]! << 16);
  if (view.getInt32(at, true) !== high) return false;
  return view.getInt32(at + 4, true) === (DIGITS[(word >>> 8) & 0xff]! | (DIGITS[word & 0xff]! << 16));
}

/** The code of the digit for the low four bits. '0' is 0x30; 'a' is 0x57 + 10. */
function digitOf(bits: number): number {
  const nibble = bits & 15;
  return (nibble < 10 ? 0x30 : 0x57) + nibble;
}

function wordOf(id: StreamId, at: number): number {
  let word = 0;
  for (let i = at; i < at + 8; i += 1) {
    const code = id.charCodeAt(i);
    word = (word << 4) | (code - (code < 0x40 ? 0x30 : 0x57));
  }
  return word;
}
