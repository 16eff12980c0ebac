import { makeFrame, readFrames } from '../shared-memory/ring-frames.ts';
import type { LockHarness } from '../shared-memory/lock-harness.ts';

/** The ring number that stands for main's own messages. */
export const MAIN = 100;

/** What the host has read since the last look: `ring:number` of each frame. */
export function wireOf(bench: LockHarness): string[] {
  return readFrames(bench.sink.take()).map(
    ({ ring, number }) => `${ring === MAIN ? 'main' : ring}:${number}`,
  );
}

/** One message of main's own. */
export function own(number: number, size = 32): Uint8Array {
  return makeFrame(MAIN, number, size);
}

/** The end of this turn of the event loop, when the outlet looks. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(resolve));
}
