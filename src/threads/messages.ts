import type { MessagePort } from 'node:worker_threads';
import type { HandlerMode } from '../module.ts';
import type { JobNumber, RegionHandle, SlotNumber } from '../shared-memory/region.ts';
import { ownCopy, uninitialised } from '../base/buffers.ts';
import type { InvocationContext } from '../wire/context.ts';
import type { IdWords } from '../wire/stream-id.ts';

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

/** How the module handles streams of `method`; `undefined`: not at all. */
export function streamMode({ streams }: Manifest, method: string): HandlerMode | undefined {
  if (streams === undefined || 'mode' in streams) return streams?.mode;
  return streams.methods.find(({ name }) => name === method)?.mode;
}

/**
 * The number of the job, or of the service request, that follows number `n`. They travel as Int32 and come round after 2^32,
 * so that they are to be compared by {@link isLater} and never by size.
 */
export function numberAfter(n: number): number {
  return (n + 1) | 0;
}

/** Whether number `a` was given after `b`, with fewer than 2^31 between them. */
export function isLater(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
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

/** kind, job, payload length: three Int32, and one of padding, so that payloads stay aligned. */
const OP_HEADER = 16;

/** What an {@link OP.open} says ahead of the frame: offsets of an Int32 and two Float64, and the size of all. */
export const OPEN_HEADER = { job: 0, openedAt: 8, queuedMs: 16, bytes: 24 } as const;

/** A batch's first buffer: a read's worth of small operations. */
const FIRST_BYTES = 4096;

/** Up to here a payload is copied word by word. */
const SHORT_BYTES = 128;

/** How this machine's Int32Array sees memory: a word that is read so and stored keeps its bytes. */
const IS_LITTLE_ENDIAN = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;

/** Collects what one read brought for one worker, to be posted as a single buffer. */
export class OpBatch {
  /** None after a batch that went away itself: only the next operation says how large the next one must be. */
  #bytes = new Uint8Array(0);
  #words = new Int32Array(this.#bytes.buffer);
  #length = 0;
  /** On the buffer of the last short payload: reads come in one buffer, over and over. */
  #source: DataView = new DataView(new ArrayBuffer(0));

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Appends the beginning of a stream: {@link OPEN_HEADER}, then the frame of its Open, whose context its thread decodes. */
  addOpen({ number, job, openedAt, queuedMs, bytes, start, end }: StreamStart): void {
    const at = this.#reserve(OP.open, number, OPEN_HEADER.bytes + end - start);
    this.#words[(at + OPEN_HEADER.job) >> 2] = job;
    const times = new Float64Array(this.#bytes.buffer, at + OPEN_HEADER.openedAt, 2);
    times[0] = openedAt;
    times[1] = queuedMs;
    this.#put(bytes, start, end - start, at + OPEN_HEADER.bytes);
  }

  /** Appends `source[start, end)` as the payload of one operation. */
  add(kind: OpKind, job: number, source: Uint8Array, start: number, end: number): void {
    const at = this.#reserve(kind, job, end - start);
    this.#put(source, start, end - start, at);
  }

  /** Appends an operation with room for its payload. @returns where that is */
  #reserve(kind: OpKind, job: number, payloadBytes: number): number {
    const next = this.#length + OP_HEADER + ((payloadBytes + 7) & ~7);
    if (next > this.#bytes.length) this.#grow(next);
    const word = this.#length >> 2;
    this.#words[word] = kind;
    this.#words[word + 1] = job;
    this.#words[word + 2] = payloadBytes;
    const at = this.#length + OP_HEADER;
    this.#length = next;
    return at;
  }

  #put(source: Uint8Array, start: number, length: number, at: number): void {
    if (length === 0) return;
    if (length <= SHORT_BYTES) this.#copyShort(source, start, length, at);
    else this.#bytes.set(source.subarray(start, start + length), at);
  }

  /** By words: without the view that `set` needs, a short payload costs a third. */
  #copyShort(source: Uint8Array, start: number, length: number, at: number): void {
    if (this.#source.buffer !== source.buffer) this.#source = new DataView(source.buffer);
    const from = source.byteOffset + start;
    const word = at >> 2;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4)
      this.#words[word + (i >> 2)] = this.#source.getInt32(from + i, IS_LITTLE_ENDIAN);
    for (let i = whole; i < length; i++) this.#bytes[at + i] = this.#source.getUint8(from + i);
  }

  /** The batch as a buffer of its own, to be transferred; the collector is empty afterwards. */
  take(): ArrayBuffer {
    const { buffer } = this.#bytes;
    const isFull = this.#length * 2 > buffer.byteLength;
    const length = this.#length;
    this.#length = 0;
    if (!isFull) return buffer.slice(0, length);
    // A buffer that is used well goes itself instead of a copy. What is behind the last operation says so by its kind.
    if (length < buffer.byteLength) this.#words[length >> 2] = 0;
    this.#bytes = new Uint8Array(0);
    return buffer;
  }

  #grow(needed: number): void {
    const old = this.#bytes.subarray(0, this.#length);
    // All that is read of it has been written before.
    this.#bytes = uninitialised(Math.max(FIRST_BYTES, needed, this.#bytes.length * 2));
    this.#words = new Int32Array(this.#bytes.buffer);
    if (old.length > 0) this.#bytes.set(old);
  }
}

/** What V8 keeps on its own heap costs less than a view that holds a whole batch. */
const ON_HEAP_BYTES = 64;

/**
 * Walks a batch; whoever calls {@link next} goes on where the last call was. Chunks that share a batch are copied out of it, so
 * that keeping one doesn't keep them all, and so that posting one elsewhere doesn't clone them all.
 */
export class OpReader {
  kind = 0;
  job = 0;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #at = 0;
  #start = 0;
  #end = 0;

  constructor(batch: ArrayBuffer) {
    this.#words = new Int32Array(batch);
    this.#bytes = new Uint8Array(batch);
  }

  /** Reads the next operation's head. @returns whether there was one */
  next(): boolean {
    const word = this.#at >> 2;
    if (this.#at >= this.#bytes.length || this.#words[word] === 0) return false;
    this.kind = this.#words[word] ?? 0;
    this.job = this.#words[word + 1] ?? 0;
    this.#start = this.#at + OP_HEADER;
    this.#end = this.#start + (this.#words[word + 2] ?? 0);
    this.#at = (this.#end + 7) & ~7;
    return true;
  }

  /** The operation's payload, the reader's to keep. */
  payload(): Uint8Array {
    const isAlone =
      this.#start === OP_HEADER && (this.#at === this.#bytes.length || this.#words[this.#at >> 2] === 0);
    return isAlone && this.#end - this.#start > ON_HEAP_BYTES
      ? this.view()
      : ownCopy(this.#bytes, this.#start, this.#end);
  }

  /** The same, as a view on the batch. */
  view(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }
}

/** Calls `onOp` for each operation of a batch, in order. */
export function readOps(
  batch: ArrayBuffer,
  onOp: (kind: number, job: number, payload: Uint8Array) => void,
): void {
  for (const ops = new OpReader(batch); ops.next();) onOp(ops.kind, ops.job, ops.payload());
}
