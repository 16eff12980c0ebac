/**
 * The number of the job, or of the service request, that follows number `n`. Numbers are Int32 in messages and wrap after 2^32, so
 * they must be compared by {@link isLater} and never by size.
 */
export function jobIdAfter(n: number): number {
  return (n + 1) | 0;
}

/** Whether number `a` was given after `b`, with fewer than 2^31 between them. */
export function isLater(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}
