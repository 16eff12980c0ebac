import type { MessagePort } from 'node:worker_threads';
import type { HandlerMode } from '../module.ts';
import type { JobNumber, RegionHandle, SlotNumber } from '../shared-memory/region.ts';
import type { InvocationContext } from '../wire/context.ts';
import type { IdWords } from '../wire/stream-id.ts';
import type { Manifest } from './manifest.ts';

/**
 * Everything that main and a worker say to each other, apart from the shared words: the only file that both know.
 *
 * Main → worker: its {@link Seat}, once, by Piscina; then on the worker's own port batches of small operations,
 * one transferred buffer a read ({@link OpBatch}), and {@link RequestTask}s.
 * Worker → main: {@link FromWorker} on the same port.
 */

/** `workerData` of every worker. */
export interface WorkerSettings {
  readonly region: RegionHandle;
  /** Absolute path of the module file. */
  readonly file: string;
  /** Descriptor that carries the protocol's output. */
  readonly wireDescriptor: number;
  /** First window of every stream's input, in bytes. */
  readonly receiveWindow: number;
  readonly maxMessageBytes: number;
  readonly maxErrorMessageBytes: number;
  /** Lines a second that tell of handlers' exceptions; 0: none. */
  readonly failureLines: number;
  /** Port of the first worker's inspector; the next ones follow. 0: any. Left out: none. */
  readonly inspectPort?: number;
}

/**
 * The Piscina task of a thread, its first and last: a seat in the shared memory, and the leave to load the module. It lasts as long as
 * the thread; a task of Piscina's for each job would cost main more than all else that it does for a short stream.
 */
export interface Seat {
  readonly slot: SlotNumber;
  /** For everything else that main and the thread say. */
  readonly port: MessagePort;
}

/** A stream for a worker, as its thread takes it out of an {@link OP.open}. */
export interface StreamTask {
  readonly kind: 'stream';
  /** Names the job in messages; later on a worker are later ones, see {@link isLater}. */
  readonly number: number;
  /** The job's control block. */
  readonly job: JobNumber;
  readonly id: string;
  readonly context: InvocationContext;
  /** When main accepted the Open, in ms since the epoch; and how long the stream then waited for the worker. */
  readonly openedAt: number;
  readonly queuedMs: number;
}

/** A stream for a worker, as main hands it over. */
export interface StreamStart extends Pick<StreamTask, 'kind' | 'number' | 'job' | 'openedAt' | 'queuedMs'> {
  readonly stream: IdWords;
  readonly mode: HandlerMode;
  /** The frame of its Open, `bytes[start, end)`: checked, and as it came. Valid during the call. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A unary request for a worker: a message of its own. */
export interface RequestTask {
  readonly kind: 'handle';
  readonly number: number;
  readonly job: JobNumber;
  readonly context: InvocationContext;
  readonly body: Uint8Array;
}

/** A job of a worker's. */
export type Task = StreamTask | RequestTask;

export type FromWorker =
  | { readonly type: 'bell' }
  | { readonly type: 'loaded'; readonly manifest: Manifest }
  | { readonly type: 'loadFailed'; readonly message: string }
  /** A unary result; `payload` is the body, or an encoded `IpcError`. */
  | { readonly type: 'answer'; readonly number: number; readonly ok: boolean; readonly payload: Uint8Array }
  /** A request to the host; its answer comes back as {@link OP.serviceAnswer} or {@link OP.serviceError}. */
  | {
      readonly type: 'service';
      readonly sequence: number;
      readonly service: string;
      readonly method: string;
      readonly body: Uint8Array;
      readonly context: InvocationContext;
    }
  /** Nobody waits for the answer to that request any more. */
  | { readonly type: 'serviceAbandoned'; readonly sequence: number }
  /** The thread has taken an answer of the host's, of so many bytes. */
  | { readonly type: 'serviceDone'; readonly bytes: number }
  /** The module has seen a key-value change, of so many bytes. */
  | { readonly type: 'kvDone'; readonly bytes: number }
  /** The thread can't be trusted any more: end it when its streams have ended. */
  | { readonly type: 'retire' }
  /** The job's handler has really ended. */
  | { readonly type: 'settled'; readonly number: number }
  | { readonly type: 'closed' };

/**
 * Operations of main on a worker; the payload's meaning stands beside each. The first four are a job's, and may come before it
 * begins: it waits for `onInit`, say.
 */
export const OP = {
  /** Input of a stream: the Data payload. */
  data: 1,
  /** The host's half-close. */
  end: 2,
  /** Credit was added to the job's word. */
  credit: 3,
  /** The job's cause is decided: the reason, UTF-8. */
  stop: 4,
  /** A KvChange message. `job` is 0. */
  kv: 5,
  /** The host's answer to service request `job`: a ServiceResponse message. */
  serviceAnswer: 6,
  /** The host's refusal of service request `job`: an IpcError message. */
  serviceError: 7,
  /** The ring has room again. */
  room: 8,
  /** `Initialize.config`, once, before the first job. */
  init: 9,
  /** The module drains: run `onClose`. */
  close: 10,
  /** Job `job` is a stream and begins: see {@link OpBatch.addOpen}. */
  open: 11,
} as const;
export type OpKind = (typeof OP)[keyof typeof OP];

/** What an {@link OP.open} says ahead of the frame: offsets of an Int32 and two Float64, and the size of all. */
export const OPEN_HEADER = { job: 0, openedAt: 8, queuedMs: 16, bytes: 24 } as const;
