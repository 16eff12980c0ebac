import { lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { logLine } from '../../base/stderr.ts';
import { orElse } from '../../base/or-else.ts';
import { textOf } from '../../base/thrown.ts';
import type { HelloEvent, LiveEvent } from '../../live/events.ts';
import type { ServeOptions } from '../options.ts';
import { LiveEvents } from './live-events.ts';

/** Events leave together after that time, in ms. */
const BATCH_MS = 20;
/** A reader that is behind by that many bytes is left, because main keeps nothing for somebody who only looks. */
const MAX_BEHIND_BYTES = 16 << 20;
/** Readers at once. */
const MAX_READERS = 8;

/**
 * Listens at `path`, a Unix socket for the owner of this process alone, and writes a line of JSON for each {@link LiveEvent} to all
 * who connect. Nothing is read from them. It holds no process, and what goes wrong with it ends none: a line on standard error says
 * it.
 */
export function openEventsSocket(path: string, options: ServeOptions): void {
  const readers = new Set<Socket>();
  let lines: string[] = [];
  const flush = (): void => {
    const text = lines.join('');
    lines = [];
    for (const reader of readers) {
      if (reader.writableLength > MAX_BEHIND_BYTES) reader.destroy();
      else reader.write(text);
    }
  };
  const live = new LiveEvents(helloOf(options), (event) => {
    if (readers.size === 0) return;
    if (lines.length === 0) setTimeout(flush, BATCH_MS).unref();
    lines.push(lineOf(event));
  });
  const server = createServer((reader) => {
    reader.on('error', () => undefined);
    if (readers.size >= MAX_READERS) {
      reader.destroy();
      return;
    }
    // What it would write is nobody's.
    reader.resume();
    reader.unref();
    reader.on('close', () => readers.delete(reader));
    // What others are about to get is in the snapshot already.
    if (lines.length > 0) flush();
    reader.write(live.snapshot().map(lineOf).join(''));
    readers.add(reader);
  });
  server.unref();
  listen(server, path, true);
}

function listen(server: Server, path: string, mayReplace: boolean): void {
  server.once('error', (error: NodeJS.ErrnoException) => {
    const gaveUp = (why: string): void => void logLine(`--events-socket ${path} can't be opened: ${why}`);
    if (error.code !== 'EADDRINUSE' || !mayReplace) {
      gaveUp(textOf(error));
      return;
    }
    // A process that was killed has left its socket behind. One that answers is in use.
    const other = connect(path);
    other.once('connect', () => {
      other.destroy();
      gaveUp('another process listens there');
    });
    other.once('error', () => {
      if (orElse(false, () => lstatSync(path).isSocket())) {
        orElse(undefined, () => unlinkSync(path));
        listen(server, path, false);
      } else gaveUp('it is no socket');
    });
  });
  server.once('listening', () => {
    server.removeAllListeners('error');
    server.on('error', () => undefined);
    process.once('exit', () => orElse(undefined, () => unlinkSync(path)));
  });
  // The socket is made within the call, so that there is no moment at which somebody else may connect.
  const umask = process.umask(0o177);
  server.listen(path);
  process.umask(umask);
}

function lineOf(event: LiveEvent): string {
  return `${JSON.stringify(event)}\n`;
}

function helloOf({ file, workers, streamsPerWorker }: ServeOptions): HelloEvent {
  return { kind: 'hello', pid: process.pid, node: process.version, file, workers, streamsPerWorker };
}
