import { NO_BYTES } from '../../wire/capnp/bytes.ts';
import { ReceiveWindow } from '../../wire/credit.ts';
import { QUEUED, type StreamState } from './stream-state.ts';
import type { TableEntry } from '../../wire/stream-table.ts';
import type { HandlerMode } from '../../module.ts';
import type { ManifestRun } from '../../threads/manifest.ts';
import { OP, type StreamStart } from '../../threads/messages.ts';
import { EMPTY_CONTEXT, type InvocationContext } from '../../wire/context.ts';
import { FrameDecoder, type Frame } from '../../wire/frame.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import { streamIdFromWords, type StreamId } from '../../wire/stream-id.ts';
import type { RunningJob } from '../calls/running-jobs.ts';
import type { Assignment } from '../calls/scheduler.ts';
import type { RunLimit } from '../calls/method-limits.ts';
import type { Waiting } from '../calls/scheduler.ts';
import type { WaitingCall } from '../calls/waiting-calls.ts';
import type { Deadline } from '../../base/clock.ts';
import { DEFAULT_WIRE_LIMITS } from '../../wire/capnp/limits.ts';

/** Most methods have none. */
const noTimeout = (): void => {};

/** For an Open that was checked against the limits that hold. */
const NO_LIMITS = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: Number.MAX_SAFE_INTEGER };

/**
 * One accepted stream, from its Open until its handler has really ended. It is in the stream table while its id is live, and counts
 * against the limits until the end.
 */
export class StreamEntry implements WaitingCall, TableEntry<StreamEntry> {
  readonly kind = 'stream';
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  nextInBucket: StreamEntry | undefined;
  /** The frame of the Open, until a worker has it: `open[openStart, openEnd)`. */
  open: Uint8Array | undefined;
  openStart: number;
  openEnd: number;
  #context: InvocationContext | undefined;
  readonly window: ReceiveWindow;
  state: StreamState = QUEUED;
  /** How calls of its method run. Until the first worker has loaded the module, nobody knows. */
  run: ManifestRun = { mode: 'sync' };
  limit: RunLimit<Waiting> | undefined;
  /** Bytes of Data that the host has sent. */
  inputBytes = 0;
  cancelTimeout: () => void = noTimeout;
  readonly times = new StreamTimes();
  /** Bytes that the module may send, while no worker counts them. */
  queuedCredit: number;
  /** Input that arrived while the stream was queued. */
  held: Uint8Array[] | undefined;
  /** Of that input, and of the Open. */
  heldBytes = 0;
  running: RunningJob | undefined;
  deadline: Deadline | undefined;

  /** @param frame an Open in `bytes`, which are the entry's during this call and until {@link keepOpen} */
  constructor(frame: Frame, bytes: Uint8Array, receiveWindow: number, credit: number) {
    ({ id0: this.id0, id1: this.id1, id2: this.id2, id3: this.id3 } = frame);
    this.open = bytes;
    this.openStart = frame.start;
    this.openEnd = frame.end;
    this.window = new ReceiveWindow(receiveWindow);
    this.queuedCredit = credit;
  }

  get mode(): HandlerMode {
    return this.run.mode;
  }

  /** Made when it is asked for: frames carry it as words. */
  get id(): StreamId {
    return streamIdFromWords(this.id0, this.id1, this.id2, this.id3);
  }

  /**
   * Decoded when it is first asked for. Empty for a stream that was given to its worker when nobody listened: its thread has
   * the context then.
   */
  get context(): InvocationContext {
    if (this.#context === undefined && this.open !== undefined) {
      const frame = new FrameDecoder(NO_LIMITS);
      frame.decode(this.open, this.openStart, this.openEnd);
      this.#context = frame.openContext();
    }
    return this.#context ?? EMPTY_CONTEXT;
  }

  /**
   * Drops what came around the context, so that neither a queue nor a worker's port holds it: a message of 16 MiB may carry a
   * context of 100 bytes, beside words that nothing points to or fields of a newer schema.
   *
   * @param contextBytes what the context's fields hold
   */
  shedRest(contextBytes: number): void {
    if (this.openBytes <= FrameEncoder.openFrameBytes(contextBytes)) return;
    const message = new FrameEncoder(this).open(this.context, this.queuedCredit);
    this.#context = undefined;
    this.open = message;
    this.openStart = FrameEncoder.ENVELOPE_BYTES;
    this.openEnd = message.length;
  }

  /** The stream has to wait: the bytes around its Open are used again. @returns how many bytes are kept */
  keepOpen(): number {
    this.open = this.open?.slice(this.openStart, this.openEnd);
    this.openEnd -= this.openStart;
    this.openStart = 0;
    return this.openBytes;
  }

  /** Of the frame of its Open. */
  get openBytes(): number {
    return this.openEnd - this.openStart;
  }

  /** The stream as its worker gets it. @param openedAt ms since the epoch */
  startOf({ jobId, block }: Assignment, openedAt: number, queuedMs: number): StreamStart {
    const { mode, open: bytes = NO_BYTES, openStart: start, openEnd: end } = this;
    return { kind: 'stream', stream: this, jobId, block, mode, openedAt, queuedMs, bytes, start, end };
  }

  /** The worker has its Open. @param isHeard whether someone may ask for the context later */
  dropOpen(isHeard: boolean): void {
    if (isHeard) this.#context = this.context;
    this.open = undefined;
  }

  /** Keeps input for the worker to come: `bytes[start, end)`, copied. */
  hold(bytes: Uint8Array, start: number, end: number): void {
    // A flood of empty chunks costs a reference each.
    (this.held ??= []).push(start === end ? NO_BYTES : bytes.slice(start, end));
  }

  /** The worker that runs it now gets what came for it before. */
  giveHeld(running: RunningJob): void {
    for (const chunk of this.held ?? []) running.post(OP.data, chunk);
    this.held = undefined;
    if (this.state.kind === 'half') running.post(OP.end);
  }

  /** Bytes granted to the host so far, modulo 2^32. */
  get granted(): number {
    return this.running?.assignment.control.granted ?? 0;
  }

  /** Bytes that the module may still send. */
  get credit(): number {
    return this.running?.assignment.control.credit ?? this.queuedCredit;
  }

  /** The host has granted so many bytes. */
  addCredit(bytes: number): void {
    if (this.running === undefined) {
      this.queuedCredit += bytes;
      return;
    }
    const { control } = this.running.assignment;
    control.addCredit(bytes);
    if (control.tellCredit()) this.running.post(OP.credit);
  }

  /** Whether the worker's own terminal frame is committed: the id is free, whatever main's state still says. */
  get terminalCommitted(): boolean {
    if (this.running === undefined) return false;
    const { control, worker } = this.running.assignment;
    return control.terminalMarked && control.terminalCommitted(worker.committedTail);
  }

  expire(): boolean {
    return this.deadline?.expire() ?? false;
  }
}

/** When things happened to a stream, in ms of the monotonic clock; 0: not yet. */
export class StreamTimes {
  opened = 0;
  started = 0;
  stopped = 0;
}
