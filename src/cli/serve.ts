import { fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { Command } from 'commander';
import { DEFAULT_OPTIONS, EXIT, type ServeOptions } from '../main/options.ts';
import { fail, integer } from './arguments.ts';

/** For who starts `serve` by hand: binary messages on a terminal help nobody. */
const NEEDS_HOST = `serve is what a host starts: it speaks a binary protocol on standard input and output, and one of
them is a terminal here. To try a module by hand, open one stream on it:

  ixt-module call FILE METHOD`;

/** Beside Node's own 9229, which is the main thread's. */
const INSPECT_PORT = 9230;

interface ServeFlags {
  workers: number;
  streamsPerWorker: number;
  maxQueue: number;
  maxMessageBytes: number;
  receiveWindow: number;
  cancelGraceMs: number;
  drainMs: number;
  workerHeapMb: number;
  descriptors?: string;
  inspectWorker?: number | true;
}

/** `ixt-module serve FILE`: what a host runs. */
export function addServe(program: Command): void {
  const d = DEFAULT_OPTIONS;
  program
    .command('serve')
    .description('run a module as the child of a host: the protocol on stdin and stdout')
    .argument('<file>', 'the module file, .js or .ts')
    .option('--workers <n>', 'worker threads', integer(1, 1024), d.workers)
    .option(
      '--streams-per-worker <n>',
      'asynchronous streams that may share a worker',
      integer(1, 65_536),
      d.streamsPerWorker,
    )
    .option('--max-queue <n>', 'opens that may wait for a worker', integer(0, 1_000_000), d.maxQueue)
    .option('--max-message-bytes <n>', 'largest message', integer(4096, 1 << 29), d.maxMessageBytes)
    .option(
      '--receive-window <n>',
      'first window of a stream, in bytes',
      integer(d.receiveWindow, 1 << 30),
      d.receiveWindow,
    )
    .option(
      '--cancel-grace-ms <n>',
      'time that a cancelled handler has to end',
      integer(0, 3_600_000),
      d.cancelGraceMs,
    )
    .option('--drain-ms <n>', 'drain time of SIGTERM and SIGINT', integer(0, 3_600_000), d.drainMs)
    .option(
      '--worker-heap-mb <n>',
      'JavaScript heap of a worker, in MiB',
      integer(16, 1 << 20),
      d.workerHeapMb,
    )
    .option(
      '--inspect-worker [port]',
      'a debugger for each worker thread, at this port of 127.0.0.1 and the ones behind it; 0: any',
      integer(0, 65_535),
    )
    .option('--descriptors <in,out>', 'descriptors of the protocol, as the launcher sets them')
    .addHelpText('after', '\nExample:\n  ixt-module serve ./digest.js --workers 4\n')
    .action(async (file: string, flags: ServeFlags) => {
      const { descriptors, inspectWorker, ...limits } = flags;
      const [input, output] = parseDescriptors(descriptors);
      if (isatty(input) || isatty(output)) fail(EXIT.usage, NEEDS_HOST);
      const inspect =
        inspectWorker === undefined
          ? {}
          : { inspectPort: inspectWorker === true ? INSPECT_PORT : inspectWorker };
      const options: ServeOptions = { ...d, ...limits, ...inspect, input, output, file: resolve(file) };
      // Loaded late: `--help` and mistakes need none of it.
      const { serve } = await import('../main/runner.ts');
      const { guardMain } = await import('../main/print-guard.ts');
      guardMain(output === 1);
      serve(options);
    });
}

function parseDescriptors(text: string | undefined): [number, number] {
  if (text === undefined) return [0, 1];
  const numbers = /^(\d{1,4}),(\d{1,4})$/.exec(text)?.slice(1).map(Number) ?? [];
  const [input, output] = numbers;
  if (input === undefined || output === undefined)
    fail(EXIT.usage, `--descriptors takes two numbers, like 3,4; not '${text}'`);
  for (const descriptor of [input, output]) {
    if (!carriesBytes(descriptor)) {
      fail(EXIT.usage, `descriptor ${descriptor} of --descriptors is not open; start through the launcher`);
    }
  }
  return [input, output];
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
