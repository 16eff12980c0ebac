import type { Command } from 'commander';
import { addNatsFlags, type NatsFlags } from '../nats/flags.ts';
import { integer, keyValue, milliseconds } from '../terminal/arguments.ts';

interface CallFlags extends NatsFlags {
  metadata?: readonly (readonly [string, string])[];
  in?: string;
  data?: string;
  out: string;
  workers?: number;
  deadline?: number;
  cancelAfter?: number;
  credit?: number;
  repeat: number;
  concurrency: number;
  unary?: true;
  json?: true;
}

const MAX_MS = 2 ** 31 - 1;

/** `ixt-module call FILE METHOD`: streams on a module, from the shell. */
export function addCall(program: Command): void {
  const command = program
    .command('call')
    .description('start a module, open one stream on it, and connect standard input and output to it')
    .argument('<file>', 'the module file, .js or .ts; with --nats the module’s name')
    .argument('<method>', 'the stream method')
    .option('-m, --metadata <key=value...>', 'metadata of the call; may be given several times', keyValue)
    .option(
      '-i, --in <file>',
      'what to send; - is standard input, which is the default unless it is a terminal',
    )
    .option('-o, --out <file>', 'file for the bytes that the module sends; - is standard output', '-')
    .option('--data <text>', 'what to send, in place of a file: JSON where the method takes JSON')
    .option('-d, --deadline <time>', 'how long a call may take: 250 (ms), 1.5s, 2m', milliseconds)
    .option('--cancel-after <ms>', 'cancel the stream after that time', integer(0, MAX_MS))
    .option('--credit <bytes>', 'how far the module may send ahead (default: 262144)', integer(1, MAX_MS))
    .option('-r, --repeat <n>', 'make the call that often, with the same input', integer(1, 1e9), 1)
    .option('-c, --concurrency <n>', 'calls at the same time', integer(1, 65_536), 1)
    .option(
      '-w, --workers <n>',
      'worker threads of the module (default: 1, or the concurrency)',
      integer(1, 1024),
    )
    .option('--unary', 'a unary request, for onHandle, instead of a stream')
    .option('--json', 'a line of JSON for each frame and for each end, instead of the bytes');
  addNatsFlags(command, 'call a module that nodes serve there, instead of starting one')
    .addHelpText(
      'after',
      '\nA failed call prints its error code and message, and the command ends with exit code 1; the file of --out is\n' +
        'then as it was. Of several JSON values each is written on a line of its own; all else is written as it comes.\n' +
        'With standard error on a terminal and standard output elsewhere, a line shows the frames and their rate.\n' +
        '\nExamples:\n' +
        '  ixt-module call ./digest.js sha256 --in photo.raw --deadline 5s | xxd\n' +
        '  echo hi | ixt-module call ./digest.ts echo --json\n' +
        '  ixt-module call ./sales.ts total --data \'{"item":"tea","price":3}\'\n' +
        '  ixt-module call ./digest.js sha256 --in photo.raw --repeat 100 --concurrency 4 --out /dev/null\n' +
        '  echo hi | ixt-module call digest shout --nats nats://a:4222\n',
    )
    .action(async (file: string, method: string, flags: CallFlags) => {
      const { openInput } = await import('./files.ts');
      const { openOutput } = await import('./output.ts');
      const { runCall } = await import('./run.ts');
      const { metadata = [], concurrency, repeat } = flags;
      if (flags.data !== undefined && flags.in !== undefined)
        command.error('error: give --data or --in, not both');
      const input = flags.data === undefined ? await openInput(flags.in) : undefined;
      const output = await openOutput(flags.out);
      const exitCode = await runCall({
        file,
        method,
        nats: flags.nats === undefined ? undefined : flags,
        metadata,
        isUnary: flags.unary === true,
        deadlineMs: flags.deadline,
        cancelAfterMs: flags.cancelAfter,
        credit: flags.credit,
        workers: flags.workers ?? Math.min(concurrency, repeat, 64),
        data: flags.data,
        input,
        output,
        repeat,
        concurrency,
        isJson: flags.json === true,
      }).finally(() => output.discard());
      // Everything is written by now, or a signal came, and then nobody may ever take the rest.
      process.exit(exitCode);
    });
}
