import { PointerCursor } from './pointer-cursor.ts';
import type { WireLimits } from './limits.ts';

/**
 * Follows every pointer of a message, whatever its schema, with the bounds of {@link PointerCursor}: what comes out sound has no
 * pointer that leads outside, no cycle, no nesting beyond the limit, and no more to read than the traversal limit. Whether the
 * kinds of pointers are those of a schema is not known here.
 *
 * @param bytes one framed message, with nothing behind it
 * @throws MalformedError
 */
export function checkAllPointers(bytes: Uint8Array, limits: WireLimits): void {
  const cursor = new PointerCursor(limits);
  cursor.open(bytes, 0, bytes.length);
  cursor.followRoot('root');
  checkElements(cursor, 1, limits.maxNesting - 1);
}

/** Follows the pointers of the struct, or of each element of the list, that `cursor` has just found. */
function checkElements(cursor: PointerCursor, count: number, nestingLeft: number): void {
  const { at, dataBytes, pointerCount, stepBytes, segmentStart, segmentEnd } = cursor;
  if (pointerCount === 0) return;
  for (let element = 0; element < count; element += 1) {
    const pointersAt = at + element * stepBytes + dataBytes;
    for (let index = 0; index < pointerCount; index += 1) {
      const pointerAt = pointersAt + index * 8;
      const found = cursor.followAny(pointerAt, segmentStart, segmentEnd, nestingLeft, 'message');
      if (found === 'struct') checkElements(cursor, 1, nestingLeft - 1);
      if (found === 'list') checkElements(cursor, cursor.elementCount, nestingLeft - 1);
    }
  }
}
