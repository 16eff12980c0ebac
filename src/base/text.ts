/**
 * Cuts `text` to at most `maxBytes` bytes of UTF-8, at a character's boundary.
 *
 * The text of an error message may come from a handler or from the host, so every message is cut here before it goes out.
 */
export function cutUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const target = new Uint8Array(maxBytes);
  const { read, written } = new TextEncoder().encodeInto(text, target);
  return read === text.length ? text : new TextDecoder().decode(target.subarray(0, written));
}
