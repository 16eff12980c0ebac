import { MAX_TIMER_MS } from '../../base/clock.ts';

// The event loop's own function, read when this file loads, because a test may replace the global one later.
const { setInterval } = globalThis;

let holders = 0;
let timer: NodeJS.Timeout | undefined;

/**
 * Keeps the process alive until {@link releaseProcess} was called as often. The handles of a child and its pipes never keep it
 * alive, because a program that has failed and waits for nothing must be able to end.
 */
export function holdProcess(): void {
  holders += 1;
  if (holders > 1) return;
  timer ??= setInterval(() => undefined, MAX_TIMER_MS);
  timer.ref();
}

export function releaseProcess(): void {
  holders -= 1;
  if (holders === 0) timer?.unref();
}
