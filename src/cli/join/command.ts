import type { Command } from 'commander';
import { addNatsFlags, NATS_HELP, type NatsFlags } from '../nats/flags.ts';
import type { NumberOption } from '../serve/flags.ts';
import { addServeFlags, serveArguments, type PassedFlags } from '../serve/passed-flags.ts';
import { integer } from '../terminal/arguments.ts';

interface JoinFlags extends NatsFlags, PassedFlags {
  readonly name?: string;
  readonly workers?: number;
  readonly streamsPerWorker?: number;
  readonly streams?: number;
  readonly ahead: number;
  readonly drainMs: number;
}

/** The flags of `serve` that the module child of a node gets as they are. */
const PASSED: readonly NumberOption[] = ['minWorkers', 'idleMs'];

/** `ixt-module join FILE --nats URL`: this machine serves the module to clients on NATS. */
export function addJoin(program: Command): void {
  const command = program
    .command('join')
    .description('serve a module to clients on NATS, as one node of any number')
    .argument('<file>', 'the module file, .js or .ts');
  addNatsFlags(command, 'URLs of NATS servers, with commas between')
    .option('--name <name>', 'the name under which clients find it (default: the module’s own)')
    .option('-w, --workers <n>', 'worker threads (default: one for each CPU)', integer(1, 1024))
    .option('--streams-per-worker <n>', 'asynchronous streams that may share a worker', integer(1, 65_536))
    .option('--streams <n>', 'streams at once (default: workers × streams per worker)', integer(1, 1 << 20))
    .option(
      '--ahead <n>',
      'streams that may wait here for a worker; 1 keeps workers busy where handlers take less than 50 ms',
      integer(0, 1 << 20),
      0,
    )
    .option(
      '--drain-ms <ms>',
      'how long streams may still run after SIGTERM or SIGINT',
      integer(0, 3_600_000),
      30_000,
    );
  addServeFlags(command, PASSED);
  command
    .addHelpText(
      'after',
      '\nSIGTERM and SIGINT let what runs end, and then the node, with exit code 0; a second one ends it at once. The node ends\n' +
        'with 70 when its module does, and with 69 when its connection to NATS is closed: whoever keeps it starts it again.\n' +
        NATS_HELP +
        '\nExamples:\n' +
        '  ixt-module join ./digest.js --nats nats://a:4222,nats://b:4222 --workers 8\n' +
        '  NATS_TOKEN=… ixt-module join ./digest.js --nats tls://a:4222 --tls-ca ca.pem\n',
    )
    .action(async (file: string, flags: JoinFlags) => {
      const { runJoin } = await import('./run.ts');
      process.exit(await runJoin(file, { ...flags, serveFlags: serveArguments(flags, PASSED) }));
    });
}
