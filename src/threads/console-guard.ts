import { Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { channels, type PrintEvent } from '../diagnostics.ts';
import { tryWriteStderr } from '../base/stderr.ts';
import { tell as tellSubscribers } from '../base/subscribers.ts';

/**
 * Sends what code of this thread prints to standard error, since standard output belongs to the protocol.
 *
 * Node's own way (a message to main, which prints) loses the lines of a thread that doesn't yield, and lets main wait
 * for a standard error that nobody reads. Here a line is written at once, by the thread that prints it, or dropped.
 * `console` looks up `process.stdout` when it is first used, so this must come before any user code.
 *
 * @param onDrop is told of each write that was not written completely
 */
export function guardConsole(onDrop: () => void): void {
  const writeOf =
    (name: PrintEvent['target']): Writable['_write'] =>
    (chunk: string | Uint8Array, encoding, done) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      if (!tryWriteStderr(bytes)) onDrop();
      done();
      // Behind `done`: what a listener prints would wait for it otherwise, and be told when the listener has returned.
      tell(name, bytes);
    };
  for (const name of ['stdout', 'stderr'] as const) {
    // A thread keeps Node's own stream: once main reads the thread's output, which may be later than this, Node calls a
    // method of it that has no public name, and its absence ends the thread. On main the mere look would open the descriptor.
    const stream = isMainThread ? new Writable() : process[name];
    // `null`: none, as on Writable's prototype. Node's stream of a thread has one, which would go before `_write`.
    Object.assign(stream, { _write: writeOf(name), _writev: null });
    Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
  }
}

let isTelling = false;

/** What a listener prints is not told to it again. */
function tell(target: PrintEvent['target'], bytes: Uint8Array): void {
  if (!channels.print.hasSubscribers || isTelling) return;
  isTelling = true;
  tellSubscribers(channels.print, { target, bytes });
  isTelling = false;
}
