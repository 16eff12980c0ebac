import type { MessagePort } from 'node:worker_threads';
import type { HandlerMode } from '../module.ts';
import type { ControlBlock, RegionHandle, SlotNumber } from '../shared-memory/region.ts';
import type { InvocationContext } from '../wire/context.ts';
import type { IdWords } from '../wire/stream-id.ts';
import type { Manifest } from './manifest.ts';

/**
 * All messages between main and a worker; their only other way to communicate is shared memory.
 *
 * Main → worker: its {@link ThreadStart}, once, by Piscina. Then, on the worker's own port, {@link RequestTask}s and batches of small
 * operations ({@link OpBatch}): one transferred buffer for each read of main's. Worker → main: {@link FromWorker} on the same port.
 */

/** `workerData` of every worker. */
export interface WorkerSettings {
  readonly region: RegionHandle;
  /** Absolute path of the module file. */
  readonly file: string;
  /** Descriptor that carries the protocol's output. */
  readonly wireDescriptor: number;
  /** The first window of every stream's input, in bytes. */
  readonly receiveWindow: number;
  readonly maxMessageBytes: number;
  readonly maxErrorMessageBytes: number;
  /** Log lines a second about handlers' exceptions; 0 for none. */
  readonly failureLines: number;
  /** Whether main wants to hear what happens to handlers, and which files the module has loaded. */
  readonly tellsLiveEvents: boolean;
  /**
   * Port of the first worker's inspector; each further worker gets the next port. 0 for any free port; no inspector if it is left
   * out.
   */
  readonly inspectPort?: number;
}

/**
 * The only Piscina task of a thread. It names the thread's slot in the shared memory, and lets the thread load the module. It lasts
 * as long as the thread, because a Piscina task for each job would cost main more than everything else that main does for a short
 * stream.
 */
export interface ThreadStart {
  readonly slot: SlotNumber;
  /** Carries all further messages, both ways. */
  readonly port: MessagePort;
}

/** A stream for a worker, as its thread decodes it from an {@link OP.open}. */
export interface StreamTask {
  readonly kind: 'stream';
  /** Identifies the job in messages. Int32. A later job on a worker has a later number: compare with {@link isLater}. */
  readonly jobId: number;
  /** The index of the job's control block in shared memory. */
  readonly block: ControlBlock;
  readonly id: string;
  readonly context: InvocationContext;
  /**
   * The time at which main accepted the Open, in ms since the epoch. `queuedMs` is the time that the stream then waited for the
   * worker, in ms.
   */
  readonly openedAt: number;
  readonly queuedMs: number;
}

/** A stream for a worker, as main hands it over. */
export interface StreamStart extends Pick<StreamTask, 'kind' | 'jobId' | 'block' | 'openedAt' | 'queuedMs'> {
  readonly stream: IdWords;
  readonly mode: HandlerMode;
  /** The frame of its Open is `bytes[start, end)`, checked but not decoded. It is valid during the call only. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A unary request for a worker. It is a message of its own, outside any batch. */
export interface RequestTask {
  readonly kind: 'handle';
  readonly jobId: number;
  readonly block: ControlBlock;
  readonly context: InvocationContext;
  readonly body: Uint8Array;
}

/** A job for a worker. */
export type Task = StreamTask | RequestTask;

export type FromWorker =
  | { readonly type: 'bell' }
  | { readonly type: 'loaded'; readonly manifest: Manifest }
  | { readonly type: 'loadFailed'; readonly message: string }
  /** A unary result; `payload` is the body, or an encoded `IpcError`. */
  | { readonly type: 'answer'; readonly jobId: number; readonly ok: boolean; readonly payload: Uint8Array }
  /** A request to the host; its answer comes back as {@link OP.serviceAnswer} or {@link OP.serviceError}. */
  | {
      readonly type: 'service';
      readonly sequence: number;
      readonly service: string;
      readonly method: string;
      readonly body: Uint8Array;
      readonly context: InvocationContext;
    }
  /** There is a progress value to take. The first message of a job, and one after a call that was cut short, brings the memory. */
  | { readonly type: 'progress'; readonly jobId: number; readonly memory?: SharedArrayBuffer }
  /** No handler waits for the answer to that request any more. */
  | { readonly type: 'serviceAbandoned'; readonly sequence: number }
  /** The thread has taken an answer of the host's; `bytes` is its size. */
  | { readonly type: 'serviceDone'; readonly bytes: number }
  /** The module has handled a key-value change; `bytes` is its size. */
  | { readonly type: 'kvDone'; readonly bytes: number }
  /** The thread can't be trusted any more, so main ends it when its jobs have ended. */
  | { readonly type: 'retire' }
  /** The job's handler has really ended. */
  | { readonly type: 'settled'; readonly jobId: number }
  | { readonly type: 'closed' };

/**
 * Operations that main sends to a worker, each with the meaning of its payload. The first four are for one job. They may come
 * before that job begins, for example while it waits for `onInit`.
 */
export const OP = {
  /** Input of a stream: the Data payload. */
  data: 1,
  /** The host's half-close. */
  end: 2,
  /** Credit was added to the job's shared word. No payload. */
  credit: 3,
  /** The job's cause is decided. The payload is the reason, as UTF-8. */
  stop: 4,
  /** A KvChange message. `job` is 0. */
  kv: 5,
  /** The host's answer to service request `job`: a ServiceResponse message. */
  serviceAnswer: 6,
  /** The host's refusal of service request `job`: an IpcError message. */
  serviceError: 7,
  /** The worker's ring has room again. No payload. */
  room: 8,
  /** `Initialize.config`, once, before the first job. */
  init: 9,
  /** The module drains, so the worker runs `onClose`. No payload. */
  close: 10,
  /** Job `job` is a stream and begins: see {@link OpBatch.addOpen}. */
  open: 11,
} as const;
export type OpKind = (typeof OP)[keyof typeof OP];

/**
 * The header of an {@link OP.open}, ahead of the frame: the byte offsets of an Int32 and two Float64, and the size of all, in
 * bytes.
 */
export const OPEN_HEADER = { block: 0, openedAt: 8, queuedMs: 16, bytes: 24 } as const;
