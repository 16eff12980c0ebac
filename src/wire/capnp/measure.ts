import type { PointerCursor } from './pointer-cursor.ts';

/**
 * How many words lie behind `pointerCount` pointers from `pointersAt` on, without a schema: what the walk itself is charged for.
 *
 * The traversal budget is given back afterwards, so that measuring a struct doesn't halve what may be read of it.
 *
 * @param stopAfter words; the walk ends once it is past them
 * @throws MalformedError for the first pointer that leads nowhere, also of a field that only a newer schema knows
 */
export function measureStruct(
  cursor: PointerCursor,
  pointersAt: number,
  pointerCount: number,
  segmentStart: number,
  segmentEnd: number,
  nestingLeft: number,
  stopAfter: number,
): number {
  const before = cursor.budgetWords;
  walkPointers(cursor, pointersAt, pointerCount, segmentStart, segmentEnd, nestingLeft, before - stopAfter);
  const words = before - cursor.budgetWords;
  cursor.budgetWords = before;
  return words;
}

function walkPointers(
  cursor: PointerCursor,
  pointersAt: number,
  count: number,
  segmentStart: number,
  segmentEnd: number,
  nestingLeft: number,
  stopBelow: number,
): void {
  for (let i = 0; i < count && cursor.budgetWords >= stopBelow; i += 1) {
    walkPointer(cursor, pointersAt + i * 8, segmentStart, segmentEnd, nestingLeft, stopBelow);
  }
}

function walkPointer(
  cursor: PointerCursor,
  pointerAt: number,
  outerStart: number,
  outerEnd: number,
  nestingLeft: number,
  stopBelow: number,
): void {
  const found = cursor.followAny(pointerAt, outerStart, outerEnd, nestingLeft, 'a pointer within');
  // Each step of the walk leaves its own find in the cursor.
  const { at, dataBytes, pointerCount, stepBytes, elementCount, segmentStart, segmentEnd } = cursor;
  if (found === 'struct') {
    walkPointers(cursor, at + dataBytes, pointerCount, segmentStart, segmentEnd, nestingLeft - 1, stopBelow);
  } else if (found === 'list' && pointerCount > 0) {
    for (let i = 0; i < elementCount && cursor.budgetWords >= stopBelow; i += 1) {
      const pointersAt = at + i * stepBytes + dataBytes;
      walkPointers(cursor, pointersAt, pointerCount, segmentStart, segmentEnd, nestingLeft - 1, stopBelow);
    }
  }
}
