import { fstatSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { orElse } from '../../base/or-else.ts';

/** Calls back with the exit code of SIGTERM and SIGINT: 128 and the signal's number. */
export function watchSignals(onSignal: (code: number) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => onSignal(128 + constants.signals[signal]));
  }
}

/** How often the host is looked at, in ms. */
const LOOK_MS = 1000;

const NOTHING = new Uint8Array(0);

export interface HostEvents {
  /** At each look. */
  onTick(): void;
  /** The parent process is gone: besides the end of stdin, the only sign that an orphan gets. */
  onHostGone(): void;
  /** The host has closed its reading side. Comes at each look from then on. */
  onUnreadable(error: Error): void;
}

/** Looks for what no event tells, about once a second. @param output descriptor of the protocol's output */
export function watchHost(output: number, events: HostEvents): void {
  const parent = orElse(undefined, () => process.ppid);
  const isSocket = orElse(false, () => fstatSync(output).isSocket());
  const timer = setInterval(() => {
    events.onTick();
    // A socket whose other end is gone refuses even to write nothing; of a pipe only the next byte tells.
    const refusal = isSocket ? refusalToWrite(output) : undefined;
    if (refusal !== undefined) events.onUnreadable(refusal);
    if (orElse(parent, () => process.ppid) === parent) return;
    clearInterval(timer);
    events.onHostGone();
  }, LOOK_MS);
}

function refusalToWrite(descriptor: number): Error | undefined {
  try {
    writeSync(descriptor, NOTHING);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EPIPE' || code === 'ECONNRESET' ? (error as Error) : undefined;
  }
}
