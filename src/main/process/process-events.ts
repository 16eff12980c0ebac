import { constants } from 'node:os';

/** Calls back with the exit code of SIGTERM and SIGINT: 128 and the signal's number. */
export function watchSignals(onSignal: (code: number) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => onSignal(128 + constants.signals[signal]));
  }
}

/** How often the parent is looked at, in ms: besides the end of stdin, the only sign that an orphan gets. */
const PARENT_MS = 1000;

/** @param onTick runs at each look */
export function watchParent(onTick: () => void, onOrphaned: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    onTick();
    if (process.ppid === parent) return;
    clearInterval(timer);
    onOrphaned();
  }, PARENT_MS);
}
