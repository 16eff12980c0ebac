import { ReceiveWindow } from '../stream/credit.ts';
import { QUEUED, type StreamState } from '../stream/state.ts';
import type { TableEntry } from '../wire/stream-table.ts';
import type { HandlerMode } from '../module.ts';
import type { InvocationContext } from '../wire/context.ts';
import { streamIdWords, type StreamId } from '../wire/stream-id.ts';
import type { RunningJob } from './running-job.ts';
import type { Assignment, Waiting } from './scheduler.ts';
import { StreamTimes } from './stream-watch.ts';

/** What a queued stream asks of the router. */
export interface EntryOwner {
  onStart(entry: StreamEntry, assignment: Assignment): void;
  onNoWorker(entry: StreamEntry, message: string): void;
}

/**
 * One accepted stream, from its Open until its handler has really ended: a place in the table while the id is live,
 * a place in the limits until the end.
 */
export class StreamEntry implements Waiting, TableEntry<StreamEntry> {
  readonly id: StreamId;
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  nextInBucket: StreamEntry | undefined;
  readonly context: InvocationContext;
  readonly window: ReceiveWindow;
  state: StreamState = QUEUED;
  mode: HandlerMode = 'sync';
  readonly times = new StreamTimes();
  /** What the module may send, while no worker counts it. */
  queuedCredit: number;
  /** Input that arrived while the stream was queued. */
  held: Uint8Array[] = [];
  heldBytes = 0;
  running: RunningJob | undefined;
  cancelDeadline: (() => void) | undefined;
  readonly #owner: EntryOwner;

  constructor(
    owner: EntryOwner,
    id: StreamId,
    context: InvocationContext,
    receiveWindow: number,
    credit: number,
  ) {
    this.#owner = owner;
    this.id = id;
    [this.id0, this.id1, this.id2, this.id3] = streamIdWords(id);
    this.context = context;
    this.window = new ReceiveWindow(receiveWindow);
    this.queuedCredit = credit;
  }

  /** Bytes granted to the host so far, modulo 2^32. */
  get granted(): number {
    return this.running?.assignment.control.granted ?? 0;
  }

  /** What the module may still send. */
  get credit(): number {
    return this.running?.assignment.control.credit ?? this.queuedCredit;
  }

  /** Whether the worker's own terminal frame is committed: the id is free, whatever main's state still says. */
  get terminalCommitted(): boolean {
    if (this.running === undefined) return false;
    const { control, worker } = this.running.assignment;
    return control.terminalMarked && control.terminalCommitted(worker.committedTail);
  }

  start(assignment: Assignment): void {
    this.#owner.onStart(this, assignment);
  }

  fail(message: string): void {
    this.#owner.onNoWorker(this, message);
  }
}
