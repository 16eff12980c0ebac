import { Writable } from 'node:stream';
import { tryWriteStderr } from './stderr.ts';

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
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = new Writable({
      decodeStrings: true,
      write(chunk: Uint8Array, _encoding, done) {
        if (!tryWriteStderr(chunk)) onDrop();
        done();
      },
    });
    Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
  }
}
