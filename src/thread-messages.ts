import type { HandlerMode } from './module.ts';
import type { RegionHandle } from './shared-memory/region.ts';
import type { InvocationContext } from './wire/context.ts';

/**
 * Everything that main and a worker say to each other, apart from the shared words: the only file that both know.
 *
 * Main → worker: batches of small operations, one transferred buffer a read ({@link OpBatch}), and Piscina tasks.
 * Worker → main: {@link FromWorker} on the worker's own port.
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
}

/** The first message of a worker, through its parent port: its own port, for everything else. */
export interface Hello {
  readonly ixtHello: true;
  readonly threadId: number;
}

/** Main's answer, the first message on the worker's port: a seat, and the leave to load the module. */
export interface Welcome {
  readonly slot: number;
}

export interface ManifestMethod {
  readonly name: string;
  readonly mode: HandlerMode;
}

/** What the module file turned out to be. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  /** `undefined`: no streams. A mode alone: one handler for every method. */
  readonly streams:
    { readonly methods: readonly ManifestMethod[] } | { readonly mode: HandlerMode } | undefined;
  readonly handle: HandlerMode | undefined;
  readonly kvChange: boolean;
}

/** A Piscina task. Its result is always `undefined`: what it has to say goes over the wire or the worker's port. */
export type Task =
  | {
      readonly kind: 'stream';
      /** Names the job in messages; rises from task to task on a worker. */
      readonly number: number;
      /** The job's control block. */
      readonly job: number;
      readonly id: string;
      readonly context: InvocationContext;
    }
  | {
      readonly kind: 'handle';
      readonly number: number;
      readonly job: number;
      readonly context: InvocationContext;
      readonly body: Uint8Array;
    };

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
  /** The module has seen a key-value change, of so many bytes. */
  | { readonly type: 'kvDone'; readonly bytes: number }
  /** The thread can't be trusted any more: end it when its streams have ended. */
  | { readonly type: 'retire'; readonly reason: string }
  | { readonly type: 'closed' };

/**
 * Operations of main on a worker; the payload's meaning stands beside each. The first four are a job's, and may
 * overtake its task.
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
} as const;
export type OpKind = (typeof OP)[keyof typeof OP];

/** kind, job, payload length: three Int32, and one of padding, so that payloads stay aligned. */
const OP_HEADER = 16;

/** Collects what one read brought for one worker, to be posted as a single buffer. */
export class OpBatch {
  #bytes = new Uint8Array(4096);
  #words = new Int32Array(this.#bytes.buffer);
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Appends `source[start, end)` as the payload of one operation. */
  add(kind: OpKind, job: number, source: Uint8Array, start: number, end: number): void {
    const payloadBytes = end - start;
    const next = this.#length + OP_HEADER + ((payloadBytes + 7) & ~7);
    if (next > this.#bytes.length) this.#grow(next);
    const word = this.#length >> 2;
    this.#words[word] = kind;
    this.#words[word + 1] = job;
    this.#words[word + 2] = payloadBytes;
    if (payloadBytes > 0) {
      const at = this.#length + OP_HEADER;
      if (payloadBytes <= 64) {
        // A loop beats subarray and set for what fits a cache line: no view is allocated.
        for (let i = 0; i < payloadBytes; i++) this.#bytes[at + i] = source[start + i] ?? 0;
      } else {
        this.#bytes.set(source.subarray(start, end), at);
      }
    }
    this.#length = next;
  }

  /** The batch as a buffer of its own, to be transferred; the collector is empty afterwards. */
  take(): ArrayBuffer {
    const batch = this.#bytes.buffer.slice(0, this.#length);
    this.#length = 0;
    // A burst's buffer is not kept for ever.
    if (this.#bytes.length > 4 << 20) this.#allocate(4096);
    return batch;
  }

  #grow(needed: number): void {
    const old = this.#bytes.subarray(0, this.#length);
    this.#allocate(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.set(old);
  }

  #allocate(bytes: number): void {
    this.#bytes = new Uint8Array((bytes + 7) & ~7);
    this.#words = new Int32Array(this.#bytes.buffer);
  }
}

/**
 * Walks a batch. Chunks that share a batch are copied out of it, so that keeping one doesn't keep them all, and so that
 * posting one elsewhere doesn't clone them all.
 */
export function readOps(
  batch: ArrayBuffer,
  onOp: (kind: number, job: number, payload: Uint8Array) => void,
): void {
  const words = new Int32Array(batch);
  const bytes = new Uint8Array(batch);
  for (let at = 0; at < bytes.length;) {
    const word = at >> 2;
    const start = at + OP_HEADER;
    const end = start + (words[word + 2] ?? 0);
    const next = (end + 7) & ~7;
    const isAlone = at === 0 && next === bytes.length;
    onOp(
      words[word] ?? 0,
      words[word + 1] ?? 0,
      isAlone ? bytes.subarray(start, end) : bytes.slice(start, end),
    );
    at = next;
  }
}
