import { fstatSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { orElse } from '../../base/or-else.ts';

/** Calls back at SIGTERM and SIGINT, with the exit code for the signal: 128 plus its number. */
export function watchSignals(onSignal: (code: number) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => onSignal(128 + constants.signals[signal]));
  }
}

/** Time between two looks at the host, in ms. */
const LOOK_MS = 1000;

const NOTHING = new Uint8Array(0);

export interface HostEvents {
  /** Called at each look. */
  onTick(): void;
  /** The parent process is gone. Besides the end of stdin this is the only sign that an orphan gets. */
  onHostGone(): void;
  /** The host has closed its reading side. It is called at each look from then on. */
  onUnreadable(error: Error): void;
}

/** Looks about once a second for changes of the host that no event tells. @param output descriptor of the protocol's output */
export function watchHost(output: number, events: HostEvents): void {
  const parent = orElse(undefined, () => process.ppid);
  const isSocket = orElse(false, () => fstatSync(output).isSocket());
  const timer = setInterval(() => {
    events.onTick();
    // A socket whose other end is gone refuses even a write of 0 bytes. A pipe shows it only at the next byte.
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
