import { INITIAL_CREDIT } from '../wire/flow-limits.ts';
import { cpuShare } from './process/cpu-share.ts';

/** Everything that a host or an operator may set; each has a flag of `serve`. */
export interface ServeOptions {
  /** Absolute path of the module file. */
  readonly file: string;
  /** Descriptors of the protocol: what the host writes, and what it reads. */
  readonly input: number;
  readonly output: number;
  /** Worker threads: how many handlers compute at once. */
  readonly workers: number;
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
  /** Drain time of SIGTERM and SIGINT, in ms. */
  readonly drainMs: number;
  /** A worker's JavaScript heap, in MiB. */
  readonly workerHeapMb: number;
  /** The workers' inspectors listen from this port upwards; 0: anywhere. Left out: nowhere. */
  readonly inspectPort?: number;
  /** The process's figures go to standard error this often, in ms, and at the end; 0: never. */
  readonly statsMs: number;
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
  readonly maxOwedAnswers: number;
}

export const DEFAULT_OPTIONS: Omit<ServeOptions, 'file'> = {
  input: 0,
  output: 1,
  workers: cpuShare().cpus,
  streamsPerWorker: 1,
  maxQueue: 1024,
  maxMessageBytes: 16 << 20,
  receiveWindow: INITIAL_CREDIT,
  cancelGraceMs: 1000,
  drainMs: 5000,
  workerHeapMb: 512,
  statsMs: 0,
  maxContextBytes: 64 << 10,
  maxMetadataEntries: 256,
  maxErrorMessageBytes: 4096,
  maxWaiting: 1024,
  maxWaitingBytes: 64 << 20,
  maxHeldBytes: 64 << 20,
  maxOwedAnswers: 1024,
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
