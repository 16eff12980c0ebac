/** What the raw peer's child does with its standard streams. */
export type RawWay = 'echo' | 'sink' | 'source';

/** The last byte of what a `sink` is sent; no other is like it. */
export const END_MARK = 0x5a;
