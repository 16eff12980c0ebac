import type { Command } from 'commander';
import { EXIT } from '../main/options.ts';
import { fail, integer, keyValue } from './arguments.ts';
import { openInput, openOutput } from './call-files.ts';

interface CallFlags {
  metadata?: readonly (readonly [string, string])[];
  in?: string;
  out: string;
  workers: number;
  deadline?: number;
}

/** `ixt-module call FILE METHOD`: one stream on a module, from the shell. */
export function addCall(program: Command): void {
  program
    .command('call')
    .description('start a module, open one stream on it, and connect standard input and output to it')
    .argument('<file>', 'the module file, .js or .ts')
    .argument('<method>', 'the stream method')
    .option('-m, --metadata <key=value...>', 'metadata of the call; may be given several times', keyValue)
    .option(
      '-i, --in <file>',
      'what to send; - is standard input, which is the default unless it is a terminal',
    )
    .option('-o, --out <file>', 'where to write what the module sends; - is standard output', '-')
    .option('-w, --workers <n>', 'worker threads of the module', integer(1, 1024), 1)
    .option('-d, --deadline <ms>', 'how long the stream may take', integer(1, 2 ** 31 - 1))
    .addHelpText(
      'after',
      '\nA failed stream prints its error code and message, and ends with exit code 1.\n' +
        '\nExample:\n  ixt-module call ./digest.js sha256 --in photo.raw --deadline 5000 | xxd\n',
    )
    .action(async (file: string, method: string, flags: CallFlags) => {
      const { workers, deadline, metadata = [] } = flags;
      try {
        const input = await openInput(flags.in);
        const output = await openOutput(flags.out);
        // Loaded late: `--help` and mistakes need none of it.
        const { runCall } = await import('./run-call.ts');
        const exitCode = await runCall({
          file,
          method,
          metadata,
          workers,
          input,
          output,
          deadlineMs: deadline,
        });
        // Everything is written by now, or a signal came, and then nobody may ever take the rest.
        process.exit(exitCode);
      } catch (error) {
        if (error instanceof Error && 'syscall' in error) fail(EXIT.usage, error.message);
        throw error;
      }
    });
}
