import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_OPTIONS, type MetricsAddress } from '../../main/options.ts';
import { integer } from '../terminal/arguments.ts';
import { SERVE_FLAGS, type ServeArguments } from './flags.ts';
import { parseMetricsAddress } from './metrics-address.ts';
import { startServe } from './start.ts';

/** Beside Node's own 9229, which is the main thread's. */
const INSPECT_PORT = 9230;

interface ServeFlags extends Omit<ServeArguments, 'file' | 'inspectPort'> {
  readonly inspectWorker?: number | true;
}

/** `ixt-module serve FILE`, with its help and its complaints: what a host writes is read by `parseServeArguments`. */
export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description('run a module as the child of a host: the protocol on stdin and stdout')
    .argument('<file>', 'the module file, .js or .ts');
  for (const { flag, option, about, min, max } of SERVE_FLAGS) {
    command.option(`${flag} <n>`, about, integer(min, max), DEFAULT_OPTIONS[option]);
  }
  command
    .option(
      '--inspect-worker [port]',
      'a debugger for each worker thread, at this port of 127.0.0.1 and the ones behind it; 0: any',
      integer(0, 65_535),
    )
    .option(
      '--events-socket <path>',
      'a Unix socket, made there for this user alone, at which ixt-module dev --attach looks at the module',
    )
    .option(
      '--metrics <[host:]port>',
      'figures for Prometheus, by HTTP at /metrics of this port of 127.0.0.1; 0: any. It needs the package prom-client',
      metricsAddress,
    )
    .option('--descriptors <in,out>', 'descriptors of the protocol, as the launcher sets them')
    .addHelpText('after', '\nExample:\n  ixt-module serve ./digest.js --workers 4\n')
    .action((file: string, { inspectWorker, ...flags }: ServeFlags) => {
      const inspectPort = inspectWorker === true ? INSPECT_PORT : inspectWorker;
      return startServe({ ...flags, file, ...(inspectPort === undefined ? {} : { inspectPort }) });
    });
}

/** @throws InvalidArgumentError which commander prints with the name of the option */
function metricsAddress(text: string): MetricsAddress {
  const address = parseMetricsAddress(text);
  if (address === undefined)
    throw new InvalidArgumentError('It takes a port, or a host and a port, like 9464 or 0.0.0.0:9464.');
  return address;
}
