import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { integer, integers, keyValue } from '../terminal/arguments.ts';

interface BenchFlags {
  metadata?: readonly (readonly [string, string])[];
  in?: string;
  workers?: number[];
  concurrency?: number;
  time: number;
  json?: true;
}

/** `ixt-module bench FILE METHOD`: how fast a handler is, and how much more workers give. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure a stream handler: throughput, latency, and the speed-up by workers')
    .argument('<file>', 'the module file, .js or .ts')
    .argument('<method>', 'the stream method')
    .option('-m, --metadata <key=value...>', 'metadata of each call', keyValue)
    .option('-i, --in <file>', 'input of each call; - is standard input (default: nothing)')
    .option(
      '-w, --workers <list>',
      `worker counts to compare (default: 1, 2, 4, … to this machine's ${availableParallelism()})`,
      integers(1, 1024),
    )
    .option(
      '-c, --concurrency <n>',
      'calls at the same time (default: twice the workers)',
      integer(1, 65_536),
    )
    .option(
      '-t, --time <ms>',
      'how long each worker count is measured, after a tenth of it to warm up',
      integer(1, 1e9),
      3000,
    )
    .option('--json', 'the figures as JSON')
    .addHelpText(
      'after',
      '\nA call is a stream from its Open to its end. Latency has the time in the queue in it: with as many calls as\n' +
        'workers (--concurrency) it is the handler’s own. Speed-up is against the first worker count.\n' +
        '\nExamples:\n' +
        '  ixt-module bench ./digest.js sha256 --in photo.raw\n' +
        '  ixt-module bench ./digest.js sha256 --in photo.raw --workers 1,8 --time 10000 --json\n',
    )
    .action(async (file: string, method: string, flags: BenchFlags) => {
      const { runBench } = await import('./run.ts');
      process.exitCode = await runBench({
        file,
        method,
        metadata: flags.metadata ?? [],
        input: flags.in,
        workers: flags.workers ?? powersUpTo(availableParallelism()),
        concurrency: flags.concurrency,
        measureMs: flags.time,
        isJson: flags.json === true,
      });
    });
}

/** 1, 2, 4, … and the number itself. */
export function powersUpTo(most: number): number[] {
  const list: number[] = [];
  for (let workers = 1; workers < most; workers *= 2) list.push(workers);
  return [...list, most];
}
