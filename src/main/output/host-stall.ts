import type { Clock } from '../../base/clock.ts';

/** How long a host that reads nothing can hold up an end, in ms. One that reads on, however slowly, gets all that is owed. */
export const LAST_WRITE_MS = 500;

/** What tells whether the host reads. */
export interface Reading {
  readonly clock: Clock;
  /** Bytes that the host has taken so far; `undefined`: none wait for it. */
  taken(): number | undefined;
}

/** Calls `action` once the host has taken nothing for half a second, or has had nothing to take. @returns what cancels it */
export function onceUnread(reading: Reading, action: () => void): () => void {
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
