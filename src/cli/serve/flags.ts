import { DEFAULT_OPTIONS, MAX_WORKERS, type MetricsAddress } from '../../main/options.ts';
import { parseMetricsAddress } from './metrics-address.ts';

/** The options of `serve` that are whole numbers, as {@link DEFAULT_OPTIONS} names them. */
export type NumberOption =
  | 'workers'
  | 'minWorkers'
  | 'idleMs'
  | 'streamsPerWorker'
  | 'maxQueue'
  | 'maxMessageBytes'
  | 'receiveWindow'
  | 'cancelGraceMs'
  | 'loadMs'
  | 'unavailableMs'
  | 'lingerMs'
  | 'maxLingering'
  | 'drainMs'
  | 'workerHeapMb'
  | 'statsMs'
  | 'failureLines';

/** One flag of `serve` that takes a whole number. */
export interface ServeFlag {
  /** With its dashes. */
  readonly flag: string;
  readonly option: NumberOption;
  readonly about: string;
  readonly min: number;
  readonly max: number;
}

/** The flags of `serve`, for both parsers: the quick one below, and commander's, which explains mistakes. */
export const SERVE_FLAGS: readonly ServeFlag[] = [
  { flag: '--workers', option: 'workers', about: 'worker threads', min: 1, max: MAX_WORKERS },
  {
    flag: '--min-workers',
    option: 'minWorkers',
    about: 'workers that have a thread at all times; the others sleep while they have nothing to do',
    min: 1,
    max: MAX_WORKERS,
  },
  {
    flag: '--idle-ms',
    option: 'idleMs',
    about: 'time without anything to do after which a worker beyond those is put to sleep',
    min: 1,
    max: 86_400_000,
  },
  {
    flag: '--streams-per-worker',
    option: 'streamsPerWorker',
    about: 'asynchronous streams that may share a worker',
    min: 1,
    max: 65_536,
  },
  {
    flag: '--max-queue',
    option: 'maxQueue',
    about: 'opens that may wait for a worker',
    min: 0,
    max: 1_000_000,
  },
  {
    flag: '--max-message-bytes',
    option: 'maxMessageBytes',
    about: 'largest message of the host, and largest result of a unary handler with its envelope',
    min: 4096,
    max: 1 << 29,
  },
  {
    flag: '--receive-window',
    option: 'receiveWindow',
    about: 'first window of a stream, in bytes',
    min: DEFAULT_OPTIONS.receiveWindow,
    max: 1 << 30,
  },
  {
    flag: '--cancel-grace-ms',
    option: 'cancelGraceMs',
    about: 'time that a cancelled handler has to end',
    min: 0,
    max: 3_600_000,
  },
  {
    flag: '--load-ms',
    option: 'loadMs',
    about: 'time that a worker has to load the module',
    min: 1,
    max: 3_600_000,
  },
  {
    flag: '--unavailable-ms',
    option: 'unavailableMs',
    about: 'time without any worker after which calls are refused',
    min: 0,
    max: 3_600_000,
  },
  {
    flag: '--linger-ms',
    option: 'lingerMs',
    about: 'time that an ended worker has to finish native work',
    min: 0,
    max: 3_600_000,
  },
  {
    flag: '--max-lingering',
    option: 'maxLingering',
    about: 'ended workers that may be finishing native work',
    min: 0,
    max: 1024,
  },
  {
    flag: '--drain-ms',
    option: 'drainMs',
    about: 'drain time of SIGTERM and SIGINT',
    min: 0,
    max: 3_600_000,
  },
  {
    flag: '--worker-heap-mb',
    option: 'workerHeapMb',
    about: 'JavaScript heap of a worker, in MiB',
    min: 16,
    max: 1 << 20,
  },
  {
    flag: '--stats-ms',
    option: 'statsMs',
    about: 'figures on standard error this often and at the end, a JSON line each; 0: never',
    min: 0,
    max: 86_400_000,
  },
  {
    flag: '--failure-lines',
    option: 'failureLines',
    about: 'exceptions of handlers on standard error, with their stacks: lines a second and worker; 0: none',
    min: 0,
    max: 1_000_000,
  },
];

/** The parsed command line of `serve`. A flag that is left out has its default. */
export interface ServeArguments extends Readonly<Record<NumberOption, number>> {
  readonly file: string;
  readonly descriptors?: string;
  /** The first worker's debugger port; see `ServeOptions`. */
  readonly inspectPort?: number;
  /** See `ServeOptions`. */
  readonly eventsSocket?: string;
  /** See `ServeOptions`. */
  readonly metrics?: MetricsAddress;
}

/**
 * Reads a command line of `serve` that is as a host writes it, without loading a parser: the time counts for every module
 * that is started.
 *
 * @param args what follows `serve`
 * @returns undefined for everything else (help, mistakes, other spellings), which is commander's to read or to explain
 */
export function parseServeArguments(args: readonly string[]): ServeArguments | undefined {
  const numbers: Partial<Record<NumberOption, number>> = {};
  let file: string | undefined;
  let descriptors: string | undefined;
  let eventsSocket: string | undefined;
  let metrics: MetricsAddress | undefined;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (!arg.startsWith('-')) {
      if (file !== undefined || arg === '') return undefined;
      file = arg;
      continue;
    }
    const value = args[(at += 1)];
    if (value === undefined || value.startsWith('-')) return undefined;
    if (arg === '--descriptors') {
      descriptors = value;
      continue;
    }
    if (arg === '--events-socket') {
      eventsSocket = value;
      continue;
    }
    if (arg === '--metrics') {
      metrics = parseMetricsAddress(value);
      if (metrics === undefined) return undefined;
      continue;
    }
    const flag = SERVE_FLAGS.find((known) => known.flag === arg);
    if (flag === undefined || !/^\d+$/.test(value)) return undefined;
    const number = Number(value);
    if (number < flag.min || number > flag.max) return undefined;
    numbers[flag.option] = number;
  }
  if (file === undefined) return undefined;
  return {
    ...DEFAULT_OPTIONS,
    ...numbers,
    file,
    ...(descriptors === undefined ? {} : { descriptors }),
    ...(eventsSocket === undefined ? {} : { eventsSocket }),
    ...(metrics === undefined ? {} : { metrics }),
  };
}
