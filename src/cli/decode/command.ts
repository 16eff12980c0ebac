import { Option, type Command } from 'commander';
import type { Side } from '../recording/timeline.ts';

/** `ixt-module decode FILE`: what went over a wire, for a person or for a program. */
export function addDecode(program: Command): void {
  program
    .command('decode')
    .description('show the messages of a recording, or of the raw bytes of one side of a wire')
    .argument('<file>', 'what record wrote, or raw bytes; - is standard input')
    .option('--json', 'one line of JSON for each message, complete; bytes as text or base64')
    .addOption(
      new Option(
        '--trace-event',
        'the streams and requests as a trace that Perfetto and chrome://tracing open',
      ).conflicts('json'),
    )
    .addOption(
      new Option('--from <side>', 'the side that wrote the raw bytes')
        .choices(['host', 'module'])
        .default('module'),
    )
    .addHelpText(
      'after',
      '\nA recording holds everything, tokens in metadata too, and all of it is shown.\n' +
        '\nExamples:\n' +
        '  ixt-module decode session.ixt\n' +
        '  ixt-module decode session.ixt --json | jq \'select(.kind == "error")\'\n' +
        '  ixt-module decode session.ixt --trace-event > trace.json\n' +
        '  ixt-module decode stdout.bin --from module\n',
    )
    .action(async (file: string, { json, traceEvent, from }: DecodeFlags) => {
      const { runDecode } = await import('./run.ts');
      const form = traceEvent === true ? 'trace' : json === true ? 'json' : 'text';
      process.exitCode = await runDecode(file, from, form, process.stdout);
    });
}

interface DecodeFlags {
  readonly json?: true;
  readonly traceEvent?: true;
  readonly from: Side;
}
