import type { Command } from 'commander';

/** `ixt-module record -- COMMAND`: stands between a host and its module. */
export function addRecord(program: Command): void {
  program
    .command('record')
    .description('run a module command for a host, pass everything through, and keep it in a file')
    .argument('<command...>', 'what the host runs otherwise; put -- before it')
    .option('-o, --out <file>', 'the recording, written as things happen', 'session.ixt')
    .option('-f, --force', 'write over a file that is there')
    .addHelpText(
      'after',
      '\nLet the host start this in place of the module. Bytes, signals, standard error and the exit code pass\n' +
        'through; the recording can be read while it grows. It holds everything that was said, secrets too, and\n' +
        'only its owner may read it.\n' +
        '\nExample:\n' +
        '  ixt-module record --out session.ixt -- ixt-module serve ./digest.js\n' +
        '  ixt-module decode session.ixt\n' +
        '  ixt-module replay session.ixt --module ./digest.js\n',
    )
    .action(async (command: [string, ...string[]], { out, force }: { out: string; force?: true }) => {
      const { runRecord } = await import('./run.ts');
      await runRecord(command, out, force === true);
    });
}
