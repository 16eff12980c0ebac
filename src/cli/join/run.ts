import { natsFailure, natsOptionsOf, type NatsFlags } from '../nats/flags.ts';
import { checkModuleFile } from '../open-module.ts';
import { complain } from '../terminal/failure.ts';
import { plural } from '../terminal/format.ts';

export interface JoinSettings extends NatsFlags {
  readonly name?: string;
  readonly workers?: number;
  readonly streamsPerWorker?: number;
  readonly streams?: number;
  readonly ahead: number;
  readonly drainMs: number;
  readonly serveFlags: readonly string[];
}

/** How a node ends by itself; the first is EX_UNAVAILABLE of sysexits.h. */
const EXIT_CODE = { closed: 0, connection: 69, module: 70 } as const;
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Serves until a signal comes or the node ends.
 *
 * @returns the exit code: 0 after a drain, 70 where the module has ended, 69 where the connection is closed
 * @throws CliError for a node that can't start
 */
export async function runJoin(file: string, settings: JoinSettings): Promise<number> {
  const { drainMs, name, workers, streamsPerWorker, streams, ahead, prefix, serveFlags } = settings;
  const connection = natsOptionsOf(settings);
  await checkModuleFile(file);
  const { joinModule } = await import('../../nats/index.ts');
  const node = await joinModule({
    ...connection,
    file,
    ahead,
    args: serveFlags,
    ...(name === undefined ? {} : { name }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(workers === undefined ? {} : { workers }),
    ...(streamsPerWorker === undefined ? {} : { streamsPerWorker }),
    ...(streams === undefined ? {} : { streams }),
    onStderr: (text) => void process.stderr.write(text),
    onLog: (line) => complain(`ixt-module: ${line}`),
  }).catch((error: unknown) => {
    throw natsFailure(error);
  });
  const places = plural(node.figures.capacity, 'place');
  complain(`ixt-module: node ${node.id} serves ${node.name} with ${places}.`);
  let hasSignal = false;
  const onSignal = (signal: keyof typeof SIGNAL_EXIT): void => {
    if (hasSignal) process.exit(SIGNAL_EXIT[signal]);
    hasSignal = true;
    complain(`ixt-module: ${signal}: no more streams, and ${drainMs} ms for those that run.`);
    void node.close({ drainMs });
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const { cause, message } = await node.ended;
  if (cause !== 'closed') complain(`ixt-module: the node has ended: ${message}`);
  return EXIT_CODE[cause];
}
