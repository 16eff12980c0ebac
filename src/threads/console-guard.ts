import { Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { channels, type PrintEvent } from '../diagnostics.ts';
import { tryWriteStderr } from '../base/stderr.ts';
import { tell as tellSubscribers } from '../base/subscribers.ts';

/**
 * Sends everything that code of this thread prints to standard error, since standard output belongs to the protocol.
 *
 * Node's own way is a message to main, which prints. It loses the lines of a thread that doesn't yield, and it makes main wait for
 * a standard error that nobody reads. Here a line is written at once, by the thread that prints it, or dropped. `console` looks up
 * `process.stdout` when it is first used, so this must come before any user code.
 *
 * @param onDrop called for each write that was not written completely
 */
export function guardConsole(onDrop: () => void): void {
  const writeOf =
    (name: PrintEvent['target']): Writable['_write'] =>
    (chunk: string | Uint8Array, encoding, done) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      if (!tryWriteStderr(bytes)) onDrop();
      done();
      // After `done`, because otherwise the prints of a listener would wait for it, and be told only when the listener has
      // returned.
      tell(name, bytes);
    };
  for (const name of ['stdout', 'stderr'] as const) {
    // A thread keeps Node's own stream, because Node calls a private method of it when main begins to read the thread's output,
    // which may be after this, and a thread without that method ends. On main a new stream is made, because reading
    // `process.stdout` would open the descriptor.
    const stream = isMainThread ? new Writable() : process[name];
    // `null` means that there is no `_writev`, as on Writable's prototype. Node's stream of a thread has one, which would be called
    // instead of `_write`.
    Object.assign(stream, { _write: writeOf(name), _writev: null });
    Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
  }
}

let isTelling = false;

/** Tells the listeners of `print`, except of prints that a listener makes itself, which would go on without end. */
function tell(target: PrintEvent['target'], bytes: Uint8Array): void {
  if (!channels.print.hasSubscribers || isTelling) return;
  isTelling = true;
  tellSubscribers(channels.print, { target, bytes });
  isTelling = false;
}
