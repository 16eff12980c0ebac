import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { EXIT } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';
import { parseRecording, type Recording } from './file-format.ts';

/** The bytes of a file; `-` is standard input. @throws CliError */
export async function readBytes(name: string): Promise<Uint8Array> {
  try {
    return await (name === '-' ? buffer(process.stdin) : readFile(name));
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ENOENT') throw new CliError(EXIT.usage, `there is no file ${name}`);
    throw new CliError(EXIT.usage, `${name} can't be read: ${(error as Error).message}`);
  }
}

/** @throws CliError for what is no recording */
export async function readRecording(name: string): Promise<Recording> {
  const bytes = await readBytes(name);
  try {
    return parseRecording(bytes);
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `${name} can't be used: ${(error as Error).message}`,
      `Make one with: ixt-module record --out ${name} -- COMMAND`,
    );
  }
}
