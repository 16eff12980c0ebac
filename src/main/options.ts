import { SCHEMA_DEFAULT } from '../wire/schema-defaults.ts';
import { INITIAL_CREDIT } from '../wire/flow-limits.ts';
import { cpuShare } from '../base/cpu-share.ts';

/** An address for HTTP. */
export interface MetricsAddress {
  /** A name or an address, without brackets. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Everything that a host or an operator may set; each has a flag of `serve`. */
export interface ServeOptions {
  /** Absolute path of the module file. */
  readonly file: string;
  /** Descriptors of the protocol: what the host writes, and what it reads. */
  readonly input: number;
  readonly output: number;
  /** Worker threads: how many handlers compute at once. */
  readonly workers: number;
  /** Workers that never sleep, at most all; at least 1. The others have a thread from when calls wait until they are idle. */
  readonly minWorkers: number;
  /** Time without anything to do after which a worker beyond `minWorkers` is put to sleep, in ms. */
  readonly idleMs: number;
  /** Asynchronous streams that may share a worker. */
  readonly streamsPerWorker: number;
  /** Opens that wait for a worker; beyond it: `resourceExhausted`. */
  readonly maxQueue: number;
  /** Largest message, its segment table included, in bytes. */
  readonly maxMessageBytes: number;
  /** First window of each stream's input, in bytes; not below the protocol's constant. */
  readonly receiveWindow: number;
  /** Time that a handler has to end once it is told to, in ms; then its worker is ended. */
  readonly cancelGraceMs: number;
  /** Time that a worker has to start and load the module, from its own turn on, in ms. */
  readonly loadMs: number;
  /** Workers that may load the module at once. */
  readonly loadsAtOnce: number;
  /** After this time without any worker, in ms, what waits for one is refused, and so is what comes until there is one again. */
  readonly unavailableMs: number;
  /** Time that an ended worker's thread has to finish what it waits for, an addon's work say, in ms; 0: none. */
  readonly lingerMs: number;
  /** Threads that may be finishing so beside the workers; beyond it a replacement waits until one of them has gone. */
  readonly maxLingering: number;
  /** Drain time of SIGTERM and SIGINT, in ms. */
  readonly drainMs: number;
  /** A worker's JavaScript heap, in MiB. */
  readonly workerHeapMb: number;
  /** The workers' inspectors listen from this port upwards; 0: anywhere. Left out: nowhere. */
  readonly inspectPort?: number;
  /** Path of a Unix socket at which the process tells what happens in it, to those who look. Left out: nowhere. */
  readonly eventsSocket?: string;
  /** The process answers with its figures there, for Prometheus. Left out: nowhere. */
  readonly metrics?: MetricsAddress;
  /** The process's figures go to standard error this often, in ms, and at the end; 0: never. */
  readonly statsMs: number;
  /** Exceptions of handlers that a worker tells on standard error, with their stacks: lines a second; 0: none. */
  readonly failureLines: number;
  /** InvocationContext, serialised, in bytes; and its metadata entries. */
  readonly maxContextBytes: number;
  readonly maxMetadataEntries: number;
  /** Error messages that go out are cut to this many bytes. */
  readonly maxErrorMessageBytes: number;
  /** Unary requests, key-value changes or service answers that wait for a worker: count, and bytes of each kind. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  /** Input held for queued opens, all together, in bytes. */
  readonly maxHeldBytes: number;
  /** Answers that the host has not read; beyond it reading pauses. */
  readonly maxUnreadAnswers: number;
}

const CPUS = cpuShare().cpus;

/** The most workers that may be asked for. */
export const MAX_WORKERS = 1024;

export const DEFAULT_OPTIONS: Omit<ServeOptions, 'file'> = {
  input: 0,
  output: 1,
  workers: CPUS,
  minWorkers: MAX_WORKERS,
  idleMs: 60_000,
  streamsPerWorker: 1,
  maxQueue: 1024,
  maxMessageBytes: 16 << 20,
  receiveWindow: INITIAL_CREDIT,
  cancelGraceMs: 1000,
  loadMs: 30_000,
  loadsAtOnce: CPUS,
  unavailableMs: 30_000,
  lingerMs: 10_000,
  maxLingering: 4,
  drainMs: SCHEMA_DEFAULT.drainMs,
  workerHeapMb: 512,
  statsMs: 0,
  failureLines: 10,
  maxContextBytes: 64 << 10,
  maxMetadataEntries: 256,
  maxErrorMessageBytes: 4096,
  maxWaiting: 1024,
  maxWaitingBytes: 64 << 20,
  maxHeldBytes: 64 << 20,
  maxUnreadAnswers: 1024,
};

/** How the process ends; the codes are the protocol's. */
export const EXIT = {
  ok: 0,
  usage: 64,
  /** Main has failed, in a way that nobody foresaw. */
  failed: 70,
  wireUnknown: 70,
  hostGone: 74,
  protocol: 76,
  badModule: 78,
} as const;
