import { constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as net from 'node:net';

/**
 * The descriptor for a log line: standard error, so opened that a full one refuses the line instead of holding the
 * thread that writes it.
 *
 * O_NONBLOCK belongs to the open file description. A child with inherited stdio shares it, and libuv clears the flag
 * whenever it starts such a child. So a pipe is opened once more, where the system can do that, for a description that
 * is nobody else's; a socket can't be, and gets its flag back before the line.
 */
export function stderrDescriptor(): number {
  descriptor ??= ofItsOwn();
  if (descriptor === SHARED && isStream) unblock();
  return descriptor;
}

const SHARED = 2;
let descriptor: number | undefined;
/** A pipe or a socket: what can be full. */
let isStream = false;

function ofItsOwn(): number {
  try {
    const info = fstatSync(SHARED);
    isStream = info.isFIFO() || info.isSocket();
    if (info.isFIFO()) return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Closed, or no Linux, or not ours to open: the shared one has to do.
  }
  return SHARED;
}

/** Whether it was done in this turn of the event loop, where the system doesn't say how the descriptor stands. */
let wasUnblocked = false;

function unblock(): void {
  const known = isNonBlocking();
  if (known ?? wasUnblocked) return;
  if (known === undefined) {
    // A handle is gone only at the turn's end: one for each line of a handler that prints and never waits would pile up.
    wasUnblocked = true;
    setImmediate(() => (wasUnblocked = false));
  }
  // Loaded late: most threads never write a line, and all of them would load it as they start.
  const { Socket } = createRequire(import.meta.url)('node:net') as typeof net;
  // To open a handle sets the flag; to close one leaves descriptors 0 to 2 open, since libuv spares them.
  new Socket({ fd: SHARED, readable: false, writable: true }).destroy();
}

/** `undefined`: the system doesn't say. */
function isNonBlocking(): boolean | undefined {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/2', 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return undefined;
  }
}
