/**
 * Text that is short and plain ASCII, as names, ids and reasons are: a call of TextDecoder or TextEncoder costs several times
 * what these loops do.
 */

/** V8 keeps typed arrays up to this size on its heap, where making one is cheapest. */
const SHORT_BYTES = 64;

const utf8 = new TextEncoder();

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

/** `text` as UTF-8, in an array of its own; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  if (text.length > SHORT_BYTES) return utf8.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return utf8.encode(text);
    bytes[i] = code;
  }
  return bytes;
}
