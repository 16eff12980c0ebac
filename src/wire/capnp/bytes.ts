// The `!` below: the callers have checked the bounds, and on a Uint8Array a read inside them is never undefined. Plain loads and
// shifts are as fast as a DataView here and need no object per buffer.

/** No bytes at all. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** The little-endian UInt16 at `at`, which the caller knows to be inside `bytes`. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** The little-endian UInt32 at `at`, which the caller knows to be inside `bytes`. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Writes the low 16 bits of `value`, little-endian. */
export function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Writes the low 32 bits of `value`, little-endian. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** `length` bytes rounded up to whole words of 8. Exact for every safe integer. */
export function padToWord(length: number): number {
  return Math.ceil(length / 8) * 8;
}
