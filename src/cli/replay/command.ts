import { Option, type Command } from 'commander';
import { integer } from '../terminal/arguments.ts';

interface ReplayFlags {
  module?: string;
  workers?: number;
  ignore?: string[];
  ignoreBoundaries?: true;
  patience: number;
  json?: true;
}

/** `ixt-module replay FILE`: the same host once more. */
export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('send the recorded host’s messages to a module, and show where its answers differ')
    .argument('<file>', 'a file that record wrote')
    .option('--module <file>', 'the module file to try (default: the recorded command, where it ran)')
    .addOption(new Option('-w, --workers <n>', 'worker threads, with --module').argParser(integer(1, 1024)))
    .option('--ignore <method...>', 'methods whose Data may differ: a time, a random number')
    .option('--ignore-boundaries', 'the same bytes in other frames are no difference')
    .option(
      '--patience <ms>',
      'time to wait for a message that the module may not send any more',
      integer(1, 1e9),
      5000,
    )
    .option('--json', 'the differences as JSON')
    .addHelpText(
      'after',
      '\nCompared, stream by stream and request by request: each Data frame, the terminal frame with its code,\n' +
        'message and details, each answer, each service request, the exit code. Not compared: the order of frames\n' +
        'of different streams, credit, times, health figures, the module’s version, workers and window, the messages\n' +
        'of codes that the package itself gives. A stream that the host cancelled, that had a deadline, or that\n' +
        'ran when the host left, is compared as far as both got. Exit code 0: no difference, 1: some.\n' +
        '\nExamples:\n' +
        '  ixt-module replay session.ixt\n' +
        '  ixt-module replay session.ixt --module ./digest.ts --workers 2\n' +
        '  ixt-module replay session.ixt --ignore now random --json\n',
    )
    .action(async (recording: string, flags: ReplayFlags) => {
      const { runReplay } = await import('./run.ts');
      const exitCode = await runReplay({
        recording,
        module: flags.module,
        workers: flags.workers,
        ignoredMethods: new Set(flags.ignore),
        ignoreBoundaries: flags.ignoreBoundaries === true,
        patienceMs: flags.patience,
        isJson: flags.json === true,
      });
      process.exitCode = exitCode;
    });
}
