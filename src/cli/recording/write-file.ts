import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { EXIT } from '../../main/options.ts';
import { packageVersion } from '../package-version.ts';
import { CliError, complain } from '../terminal/failure.ts';
import { encodeEntry, encodeHeader, type EntryKind } from './file-format.ts';

/** A recording that is being written. */
export interface RecordingLog {
  /** Bytes in the file. */
  readonly bytes: number;
  begin(command: readonly string[]): void;
  add(kind: EntryKind, bytes?: Uint8Array): void;
  close(): void;
  /** Nothing was recorded: the file goes. */
  discard(): void;
}

/**
 * Begins a recording, which is written at once, so that nothing is lost when this process is killed. A disk that is full ends the
 * recording, not the session.
 *
 * @throws CliError where the file is there already, and not `isForced`, or can't be made
 */
export function openRecording(file: string, isForced: boolean): RecordingLog {
  let descriptor: number | undefined;
  try {
    // Payloads and metadata are nobody else's business.
    descriptor = openSync(file, isForced ? 'w' : 'wx', 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new CliError(EXIT.usage, `the recording can't be written: ${message}`);
    throw new CliError(EXIT.usage, `${file} is there already`, 'Name another with --out, or give --force.');
  }
  const started = performance.now();
  let written = 0;
  const write = (bytes: Uint8Array): void => {
    if (descriptor === undefined) return;
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
      written += bytes.length;
    } catch (error) {
      complain(`ixt-module: the recording ends here: ${(error as Error).message}`);
      closeSync(descriptor);
      descriptor = undefined;
    }
  };
  return {
    get bytes() {
      return written;
    },
    begin: (command) => {
      const startedUnixMs = Date.now();
      write(encodeHeader({ command, cwd: process.cwd(), startedUnixMs, version: packageVersion() }));
    },
    add: (kind, bytes = new Uint8Array(0)) =>
      write(encodeEntry({ kind, at: performance.now() - started, bytes })),
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
    },
    discard: () => rmSync(file, { force: true }),
  };
}
