/**
 * The sizes of chunks, in bytes: one for all; a list that is gone through over and over; or at random between 1 and `max`
 * (default 16), where the same seed gives the same sizes.
 */
export type ChunkSizes = number | readonly number[] | { readonly seed: number; readonly max?: number };

/** Puts all the bytes into one chunk. */
export function merge(chunks: Iterable<Uint8Array>): Uint8Array {
  const parts = [...chunks];
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Cuts the same bytes into other chunks, because a handler must not depend on where a chunk ends. */
export function rechunk(chunks: Uint8Array | Iterable<Uint8Array>, sizes: ChunkSizes): Uint8Array[] {
  const whole = chunks instanceof Uint8Array ? chunks : merge(chunks);
  const next = sizesOf(sizes);
  const cut: Uint8Array[] = [];
  for (let at = 0; at < whole.length;) {
    const size = next();
    cut.push(whole.slice(at, at + size));
    at += size;
  }
  return cut;
}

/** Returns a function that gives one size after the other. @throws RangeError for a size below 1 */
export function sizesOf(sizes: ChunkSizes): () => number {
  if (typeof sizes === 'object' && 'seed' in sizes) {
    const { seed, max = 16 } = sizes;
    const random = randomFrom(seed);
    return () => 1 + random(checkSize(max));
  }
  const list = typeof sizes === 'number' ? [sizes] : [...sizes];
  if (list.length === 0) throw new RangeError('at least one size of a chunk is needed');
  list.forEach(checkSize);
  let at = 0;
  return () => list[at++ % list.length] ?? 1;
}

function checkSize(size: number): number {
  if (!(size >= 1)) throw new RangeError(`a chunk has at least one byte, not ${size}`);
  return size;
}

/** mulberry32: a small generator whose whole state is its seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
