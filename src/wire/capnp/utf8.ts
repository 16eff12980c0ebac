import { MalformedError } from './malformed.ts';

// Text of messages is mostly short and plain ASCII, as names, ids and reasons are. A call of TextDecoder or TextEncoder costs several
// times what the loops below cost, so they come first.

/** V8 keeps typed arrays up to this size on its heap, where making one is cheapest. */
const SHORT_BYTES = 64;

const encoder = new TextEncoder();
// A BOM is part of the text, and TextDecoder would swallow it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** For each length the codes of the text that is made: each call writes all of them. */
const codes = Array.from({ length: SHORT_BYTES + 1 }, (_, length) => new Array<number>(length).fill(0));

/** `bytes[start, end)` as text; `undefined` where it is long or not plain ASCII. */
export function shortAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = codes[end - start];
  if (text === undefined) return undefined;
  for (let i = start; i < end; i += 1) {
    const code = bytes[i]!;
    if (code >= 0x80) return undefined;
    text[i - start] = code;
  }
  // In one step: joined from parts, each text would keep its parts.
  return String.fromCharCode.apply(null, text);
}

/** `bytes[start, end)` as UTF-8. @throws MalformedError (`text-utf8`) */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number, field: string): string {
  if (start === end) return '';
  const short = shortAscii(bytes, start, end);
  if (short !== undefined) return short;
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (error) {
    // Nothing else goes wrong in there.
    if (error instanceof TypeError)
      throw new MalformedError('text-utf8', field, 'the text is not valid UTF-8');
    throw error;
  }
}

/** Up to here a loop over the bytes is cheaper than the decoder's call. */
const LOOP_BYTES = 256;

/** @throws MalformedError (`text-utf8`) if `bytes[start, end)` is not UTF-8 */
export function checkUtf8(bytes: Uint8Array, start: number, end: number, field: string): void {
  let seen = end - start > LOOP_BYTES ? 0x80 : 0;
  for (let i = start; seen < 0x80 && i < end; i += 1) seen |= bytes[i]!;
  if (seen >= 0x80) decodeUtf8(bytes, start, end, field);
}

/** `text` as UTF-8, in an array of its own; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  if (text.length > SHORT_BYTES) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}
