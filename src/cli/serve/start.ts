import { fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { problemOfModuleFile } from '../../base/module-file.ts';
import { DEFAULT_OPTIONS, EXIT, type ServeOptions } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';
import { count } from '../terminal/format.ts';
import type { ServeArguments } from './flags.ts';

/** For who starts `serve` by hand: binary messages on a terminal help nobody. */
const NEEDS_HOST = `serve is what a host starts: it speaks a binary protocol on standard input and output, and one of
them is a terminal here`;
const INSTEAD = `To try a module by hand, open one stream on it, or see what it offers:

  ixt-module call FILE METHOD
  ixt-module describe FILE`;

/** Streams that may run at once, on all workers together: the words that main shares with them take 64 bytes each from the start. */
const MAX_STREAMS = 1 << 20;

/**
 * Serves until the process ends.
 *
 * @throws CliError for a file that isn't there, descriptors that can't carry the protocol, or more than {@link MAX_STREAMS}
 */
export async function startServe(given: ServeArguments): Promise<void> {
  const { descriptors, file, ...limits } = given;
  const [input, output] = parseDescriptors(descriptors);
  if ((await isTerminal(input)) || (await isTerminal(output)))
    throw new CliError(EXIT.usage, NEEDS_HOST, INSTEAD);
  const streams = limits.workers * limits.streamsPerWorker;
  if (streams > MAX_STREAMS) {
    throw new CliError(
      EXIT.usage,
      `--workers times --streams-per-worker are ${count(streams)} streams at once, and the most is ${count(MAX_STREAMS)}`,
    );
  }
  const options: ServeOptions = { ...DEFAULT_OPTIONS, ...limits, input, output, file: resolve(file) };
  const problem = problemOfModuleFile(options.file);
  if (problem !== undefined) throw new CliError(EXIT.badModule, problem);
  // Loaded late: mistakes need none of it.
  const { serve } = await import('../../main/serve.ts');
  const { guardMain } = await import('../../main/process/print-guard.ts');
  guardMain(output === 1);
  serve(options);
}

function parseDescriptors(text: string | undefined): [number, number] {
  if (text === undefined) return [0, 1];
  const numbers = /^(\d{1,4}),(\d{1,4})$/.exec(text)?.slice(1).map(Number) ?? [];
  const [input, output] = numbers;
  if (input === undefined || output === undefined) {
    throw new CliError(EXIT.usage, `--descriptors takes two numbers, like 3,4; not '${text}'`);
  }
  for (const descriptor of [input, output]) {
    if (!carriesBytes(descriptor)) {
      throw new CliError(
        EXIT.usage,
        `descriptor ${descriptor} of --descriptors is not open; start through the launcher`,
      );
    }
  }
  return [input, output];
}

/** A host's descriptors are no devices: its start doesn't wait for Node to load what knows terminals, which takes milliseconds. */
async function isTerminal(descriptor: number): Promise<boolean> {
  return fstatSync(descriptor).isCharacterDevice() && (await import('node:tty')).isatty(descriptor);
}

/** False also for what Node itself opens where nothing was handed over: epoll and event descriptors have no file type. */
function carriesBytes(descriptor: number): boolean {
  try {
    const info = fstatSync(descriptor);
    return info.isFIFO() || info.isSocket() || info.isFile() || info.isCharacterDevice();
  } catch {
    return false;
  }
}
