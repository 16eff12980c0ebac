/** Up to this size, in bytes, zeroing costs next to nothing, and V8 keeps the smallest arrays on its own heap. */
const ZEROED_BYTES = 4_096;

/**
 * Bytes with an ArrayBuffer of their own, so that it can be transferred. They are not zeroed, since at 64 KiB zeroing costs three
 * times as much as a copy. They hold old memory, so the caller must write each byte before anyone else may see it.
 */
export function uninitialised(length: number): Uint8Array<ArrayBuffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}

/**
 * A copy of `bytes[start, end)` with an ArrayBuffer of its own. `bytes` must not be a Buffer, because a Buffer's `slice` is a view.
 */
export function copyOut(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length <= ZEROED_BYTES) return bytes.slice(start, end);
  const copy = uninitialised(length);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/**
 * `view`, or a copy of it if its buffer is more than twice as large, because a handler that keeps the view would keep the whole
 * buffer.
 */
export function withoutRest(view: Uint8Array): Uint8Array {
  return view.length * 2 < view.buffer.byteLength ? view.slice() : view;
}
