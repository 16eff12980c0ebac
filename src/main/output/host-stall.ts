import type { Clock } from '../../base/clock.ts';

/**
 * Time that a host that reads nothing can delay the end of the process, in ms. A host that goes on reading, however slowly, gets
 * everything that is queued.
 */
export const LAST_WRITE_MS = 500;

/** Tells whether the host reads. */
export interface Reading {
  readonly clock: Clock;
  /** Bytes that the host has taken so far; `undefined` if none wait for it. */
  taken(): number | undefined;
}

/**
 * Calls `action` once, when the host has taken nothing for half a second, or had nothing to take.
 *
 * @returns a function that cancels it
 */
export function onceHostStopsReading(reading: Reading, action: () => void): () => void {
  let before = reading.taken();
  let cancel = (): void => {};
  const look = (): void => {
    const now = reading.taken();
    if (now === undefined || now === before) return action();
    before = now;
    cancel = reading.clock.after(LAST_WRITE_MS, look);
  };
  cancel = reading.clock.after(LAST_WRITE_MS, look);
  return () => cancel();
}
