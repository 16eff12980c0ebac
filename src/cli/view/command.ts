import { Option, type Command } from 'commander';
import { integer } from '../terminal/arguments.ts';

interface ViewFlags {
  readonly module?: string;
  readonly port: number;
  readonly open?: true;
}

/** `ixt-module view FILE`: a recording in the browser. */
export function addView(program: Command): void {
  program
    .command('view')
    .description('show a recording in the browser: its streams, its messages, and a replay of each')
    .argument('<file>', 'a file that record or the page of dev wrote')
    .option('--module <file>', 'the module file to replay against (default: the recorded command)')
    .addOption(new Option('--port <n>', 'of 127.0.0.1; 0: any').argParser(integer(0, 65_535)).default(0))
    .option('--open', 'open the browser')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  ixt-module view session.ixt --open\n' +
        '  ixt-module view session.ixt --module ./digest.ts\n',
    )
    .action(async (file: string, { module, port, open }: ViewFlags) => {
      const { runView } = await import('./run.ts');
      await runView({ file, module, port, opens: open === true });
    });
}
