import { Option, type Command } from 'commander';
import { addNatsFlags, NATS_HELP, type NatsFlags } from '../nats/flags.ts';
import type { NumberOption } from '../serve/flags.ts';
import { addServeFlags, serveArguments, type PassedFlags } from '../serve/passed-flags.ts';
import { integer } from '../terminal/arguments.ts';

interface DevFlags extends NatsFlags, PassedFlags {
  readonly port: number;
  readonly open?: true;
  readonly attach?: string;
}

/** The flags of `serve` that matter to who tries a module. */
const PASSED: readonly NumberOption[] = [
  'workers',
  'minWorkers',
  'idleMs',
  'streamsPerWorker',
  'maxQueue',
  'cancelGraceMs',
  'workerHeapMb',
];

/** `ixt-module dev FILE`: a module at work, in the browser. */
export function addDev(program: Command): void {
  const command = program
    .command('dev')
    .description('show a module at work in the browser, and start it again when its files change')
    .argument('[file]', 'the module file, .js or .ts; with --nats the module’s name')
    .addOption(new Option('--port <n>', 'of 127.0.0.1; 0: any').argParser(integer(0, 65_535)).default(0))
    .option('--open', 'open the browser')
    .option('--attach <path>', 'look at the module that a host runs with serve --events-socket <path>');
  addServeFlags(command, PASSED);
  addNatsFlags(command, 'show the nodes that serve a module there, instead of starting one')
    .addHelpText(
      'after',
      '\nThe page is served on 127.0.0.1 alone, at an address with a token that it prints: whoever knows it can call\n' +
        'the module. It lists the methods, calls them, and shows each worker with its streams, or with --nats each node.\n' +
        NATS_HELP +
        '\nExamples:\n' +
        '  ixt-module dev ./digest.js --open\n' +
        '  ixt-module dev digest --nats nats://a:4222\n' +
        '  ixt-module dev --attach /run/digest.events\n',
    )
    .action(async (file: string | undefined, flags: DevFlags) => {
      const { runDev } = await import('./run.ts');
      const { port, open, attach } = flags;
      const nats = flags.nats === undefined ? undefined : flags;
      await runDev({
        file,
        port,
        opens: open === true,
        attach,
        nats,
        serveFlags: serveArguments(flags, PASSED),
      });
    });
}
