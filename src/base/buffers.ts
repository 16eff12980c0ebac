/** Up to here zeroing costs next to nothing, and V8 keeps the smallest on its own heap. */
const ZEROED_BYTES = 4_096;

/**
 * Bytes with an ArrayBuffer of their own, so that it can be transferred, which hold whatever the memory held before: the
 * caller writes each of them before anyone else may see it. At 64 KiB zeroing costs three times what a copy does.
 */
export function uninitialised(length: number): Uint8Array<ArrayBuffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}

/** A copy of `bytes[start, end)` with an ArrayBuffer of its own. `bytes` is no Buffer, whose `slice` is a view. */
export function ownCopy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length <= ZEROED_BYTES) return bytes.slice(start, end);
  const copy = uninitialised(length);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** `view`, or a copy of it where its buffer is more than twice as large: a handler that keeps it must not keep the rest, too. */
export function withoutRest(view: Uint8Array): Uint8Array {
  return view.length * 2 < view.buffer.byteLength ? view.slice() : view;
}
