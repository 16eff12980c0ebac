/**
 * Cuts `text` to at most `maxBytes` of UTF-8, at a character's boundary.
 *
 * What goes out in an error message may come from anywhere: a handler, a host's own words. The limit holds for all of it.
 */
export function cutUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const target = new Uint8Array(maxBytes);
  const { read, written } = new TextEncoder().encodeInto(text, target);
  return read === text.length ? text : new TextDecoder().decode(target.subarray(0, written));
}
