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

/** The id of four UInt32, most significant first: `hi` in two halves, then `lo`. */
export function streamIdFromWords(hiHigh: number, hiLow: number, loHigh: number, loLow: number): StreamId {
  return (hex(hiHigh) + hex(hiLow) + hex(loHigh) + hex(loLow)) as StreamId;
}

/** The four UInt32 of an id, most significant first. */
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
    const nibble = (word >>> (28 - i * 4)) & 15;
    // '0' is 0x30; 'a' is 0x57 + 10.
    if (bytes[start + i] !== (nibble < 10 ? 0x30 : 0x57) + nibble) return false;
  }
  return true;
}

function isStreamId(text: string): text is StreamId {
  return PATTERN.test(text);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

function wordOf(id: StreamId, at: number): number {
  return Number.parseInt(id.slice(at, at + 8), 16);
}
