import { open } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { EXIT } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';

/** The largest chunk that one Data frame of a call carries, in bytes. */
const CHUNK_BYTES = 65_536;

/**
 * The input that a call sends.
 *
 * @param name a file, `-` for standard input, or undefined: standard input unless it is a terminal
 * @returns undefined: nothing is sent
 * @throws CliError where the file can't be opened
 */
export async function openInput(name: string | undefined): Promise<Readable | undefined> {
  if (name === undefined && isatty(0)) return undefined;
  if (name === undefined || name === '-') return process.stdin;
  try {
    return (await open(name)).createReadStream({ highWaterMark: CHUNK_BYTES });
  } catch (error) {
    throw new CliError(EXIT.usage, error instanceof Error ? error.message : String(error));
  }
}

/** `input` in pieces that a Data frame of a call may carry. */
export async function* chunksOf(input: Readable): AsyncGenerator<Uint8Array> {
  for await (const bytes of input as AsyncIterable<Uint8Array>) {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

/** All chunks of `input`, for calls that send them more than once. */
export async function readChunks(input: Readable | undefined): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  if (input !== undefined) for await (const chunk of chunksOf(input)) chunks.push(chunk);
  return chunks;
}

/** Writes one chunk; settles when it is out, so that whoever waits reads no faster than `output` takes it. */
export function writeChunk(output: Writable, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
