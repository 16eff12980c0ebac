/** The bounds of one message. All are checked against what a message declares, before anything is allocated for it. */
export interface WireLimits {
  /** Bytes of one framed message, segment table included. */
  readonly maxMessageBytes: number;
  /** A message has fewer segments than this (the C++ implementation's bound). */
  readonly maxSegments: number;
  /** Structs and lists within each other, the root struct counted in. */
  readonly maxNesting: number;
  /** Words that reading one message may visit; an object counts each time a pointer to it is followed. */
  readonly maxTraversalWords: number;
}

/** The limits of the protocol page; the last three are those of the C++ implementation. */
export const DEFAULT_WIRE_LIMITS: WireLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxSegments: 512,
  maxNesting: 64,
  maxTraversalWords: 8 * 1024 * 1024,
};
