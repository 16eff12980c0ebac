import { constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as net from 'node:net';

/**
 * The descriptor for log lines. It is standard error, opened in such a way that a full pipe refuses the line instead of blocking
 * the thread that writes it.
 *
 * O_NONBLOCK belongs to the open file description. A child with inherited stdio shares it, and libuv clears the flag whenever it
 * starts such a child. So a pipe is opened once more, if the system can do that, for a description that nobody else shares. A
 * socket can't be opened again, so its flag is set again before each line.
 */
export function stderrDescriptor(): number {
  descriptor ??= ofItsOwn();
  if (descriptor === SHARED && isStream) unblock();
  return descriptor;
}

const SHARED = 2;
let descriptor: number | undefined;
/** Whether standard error is a pipe or a socket: only these can be full. */
let isStream = false;

function ofItsOwn(): number {
  try {
    const info = fstatSync(SHARED);
    isStream = info.isFIFO() || info.isSocket();
    if (info.isFIFO()) return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // It is closed, the system is not Linux, or we may not open it. Then the shared descriptor is used.
  }
  return SHARED;
}

/** Whether the flag was set in this turn of the event loop. Used if the system doesn't say whether the flag is set. */
let wasUnblocked = false;

function unblock(): void {
  const known = isNonBlocking();
  if (known ?? wasUnblocked) return;
  if (known === undefined) {
    // A closed handle is freed only at the end of the turn, so a handler that prints without end and never waits would pile up one
    // for each line.
    wasUnblocked = true;
    setImmediate(() => (wasUnblocked = false));
  }
  // Loaded late, because most threads never write a line, and otherwise each would load it at its start.
  const { Socket } = createRequire(import.meta.url)('node:net') as typeof net;
  // Opening a handle sets the flag. Closing it leaves the descriptor open, since libuv never closes descriptors 0 to 2.
  new Socket({ fd: SHARED, readable: false, writable: true }).destroy();
}

/** Whether O_NONBLOCK is set; `undefined` if the system doesn't say. */
function isNonBlocking(): boolean | undefined {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/2', 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return undefined;
  }
}
