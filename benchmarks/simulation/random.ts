/** A seeded generator of numbers in [0, 1), so that a simulation can be run again (Marsaglia's xorshift). */
export function xorshift(seed: number): () => number {
  let state = (seed | 1) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** Exponentially distributed around `mean`. */
export function exponential(mean: number, random: () => number): number {
  return -mean * Math.log(1 - random());
}
