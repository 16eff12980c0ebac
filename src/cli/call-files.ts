import { open } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';

/** The largest chunk that one Data frame of a call carries, in bytes. */
const CHUNK_BYTES = 65_536;

/**
 * What a call sends.
 *
 * @param name a file, `-` for standard input, or undefined: standard input unless it is a terminal
 * @returns undefined: nothing is sent
 * @throws the system's error where the file can't be opened
 */
export async function openInput(name: string | undefined): Promise<Readable | undefined> {
  if (name === undefined && isatty(0)) return undefined;
  if (name === undefined || name === '-') return process.stdin;
  const file = await open(name, 'r');
  return file.createReadStream({ highWaterMark: CHUNK_BYTES });
}

/** Where a call writes what it gets: a file, or `-` for standard output. @throws as {@link openInput} */
export async function openOutput(name: string): Promise<Writable> {
  if (name === '-') return process.stdout;
  const file = await open(name, 'w');
  return file.createWriteStream();
}

/** `input` in pieces that a Data frame of a call may carry. */
export async function* chunksOf(input: Readable): AsyncGenerator<Uint8Array> {
  for await (const bytes of input as AsyncIterable<Uint8Array>) {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

/** Writes one chunk; settles when it is out, so that whoever waits reads no faster than `output` takes it. */
export function writeChunk(output: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Ends `output`, where it is a file: standard output stays open for whoever shares it. */
export function endOutput(output: Writable): Promise<void> {
  if (output === process.stdout) return Promise.resolve();
  return new Promise((resolve, reject) => {
    output.once('error', reject);
    output.end(resolve);
  });
}
