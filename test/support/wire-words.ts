// Messages built by hand, word by word, for the shapes that no builder makes.

/** One word: its low and its high 32 bits. */
export type Word = readonly [low: number, high: number];

const BYTE_LIST = 2;

/** A struct pointer; `offset` counts words from the end of the pointer. */
export function structPointer(offset: number, dataWords: number, pointers: number): Word {
  return [offset << 2, dataWords | (pointers << 16)];
}

/** A list pointer; `kind` is the element size, `count` the elements, or the words of a composite list (kind 7). */
export function listPointer(offset: number, kind: number, count: number): Word {
  return [(offset << 2) | 1, (count << 3) | kind];
}

/** A pointer to Text or Data of `bytes` bytes, of Text with the NUL. */
export function bytesPointer(offset: number, bytes: number): Word {
  return listPointer(offset, BYTE_LIST, bytes);
}

/** A far pointer to word `at` of `segment`; a double one has a pad of two words there. */
export function farPointer(segment: number, at: number, isDouble = false): Word {
  return [(at << 3) | (isDouble ? 4 : 0) | 2, segment];
}

/** The tag of a composite list. */
export function tag(count: number, dataWords: number, pointers: number): Word {
  return structPointer(count, dataWords, pointers);
}

export const NULL: Word = [0, 0];

/** A capability pointer. */
export const CAPABILITY: Word = [3, 0];

/** `text` with its NUL, padded to words. */
export function textWords(text: string): Word[] {
  return byteWords([...new TextEncoder().encode(text), 0]);
}

/** `bytes` padded to words. */
export function byteWords(bytes: readonly number[]): Word[] {
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  return Array.from({ length: padded.length / 8 }, (_, i): Word => [
    view.getUint32(i * 8, true),
    view.getUint32(i * 8 + 4, true),
  ]);
}

/** The framed message of these segments. */
export function message(...segments: readonly (readonly Word[])[]): Uint8Array {
  const table = [segments.length - 1, ...segments.map((segment) => segment.length)];
  if (table.length % 2 === 1) table.push(0);
  const numbers = [...table, ...segments.flat(2)];
  const out = new Uint8Array(numbers.length * 4);
  const view = new DataView(out.buffer);
  for (const [i, number] of numbers.entries()) view.setUint32(i * 4, number >>> 0, true);
  return out;
}
