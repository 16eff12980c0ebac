import type { SlotSignals } from '../../shared-memory/slot-signals.ts';
import type { OpKind, RequestTask, StreamStart } from '../../threads/messages.ts';
import { batchInPlace, OpBatch } from '../../threads/op-batch.ts';
import type { WorkerLink } from './worker-link.ts';
import type { Place } from './worker-supply.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * The phases of a worker, from its start to its exit.
 *
 * `loading`: the thread boots and loads the module. `ready`: it takes jobs. `retiring`: it is ended once its jobs have ended, and
 * it gets new ones only if no other worker has room. `revoked`: its right to write is revoked for ever, its place belongs to another
 * worker, and it is being ended or left to finish. `gone`: its thread has exited.
 */
export type WorkerPhase = 'loading' | 'ready' | 'retiring' | 'revoked' | 'gone';

/** Main's view of one worker thread, from its start to its exit. */
export class PoolWorker {
  readonly link: WorkerLink;
  /** The place among the workers that were asked for. After the revoke another worker has that place. */
  readonly place: Place;
  phase: WorkerPhase = 'loading';
  /** A number that no other thread of this process ever has. */
  readonly incarnation: number;
  /** Its slot in the shared memory: main's view of the words. */
  readonly signals: SlotSignals;
  /** Whether the thread runs our code. A failure after that is one of the module, not of the start. */
  hasBooted = false;
  hasLoaded = false;
  /** Whether the thread is gone. Main may still have to wait for the lock before it can end the worker's streams. */
  hasExited = false;
  /** Whether handlers were running when the worker was told to end. Once they have ended, the thread need not linger any more. */
  isAwaited = false;
  /** Whether it was ended because it had nothing to do. Its place sleeps, or was woken since. */
  isAsleep = false;
  /** Number of jobs on it. `exclusive` tells whether its job needs the worker for itself. */
  running = 0;
  isExclusive = false;
  /** Ring position at which the worker was revoked: frames that it commits after that are dropped. `undefined` before. */
  revokedAt: number | undefined;
  /** The last error of the thread, or the reason why it couldn't load the module, for a person. */
  failure: string | undefined;
  /** Number of key-value changes that were sent and that the module has not handled yet. */
  kvInFlight = 0;
  kvBytesInFlight = 0;
  /** Whether its copy of the module has begun: one of its handlers runs or has run. */
  isInitialised = false;
  cancelLoadTimer: (() => void) | undefined;
  readonly #batch = new OpBatch();
  /** Batches that come before it. */
  #earlier: ArrayBuffer[] = [];

  constructor(signals: SlotSignals, link: WorkerLink, place: Place, incarnation: number) {
    this.signals = signals;
    this.link = link;
    this.place = place;
    this.incarnation = incarnation;
  }

  /** Adds an operation to the batch that the next {@link flush} sends. */
  post(kind: OpKind, target: number, bytes: Uint8Array = NO_BYTES, start = 0, end = bytes.length): void {
    this.#batch.add(kind, target, bytes, start, end);
  }

  /** The same where `bytes` may be handed over: if their layout allows it, the payload is not copied. */
  give(kind: OpKind, target: number, bytes: Uint8Array, start: number, end: number): void {
    const alone = batchInPlace(kind, target, bytes, start, end);
    if (alone === undefined) return this.#batch.add(kind, target, bytes, start, end);
    if (!this.#batch.isEmpty) this.#earlier.push(this.#batch.take());
    this.#earlier.push(alone);
  }

  /** The same for a stream that begins. */
  postOpen(start: StreamStart): void {
    this.#batch.addOpen(start);
  }

  /** Sends a request at once, after the operations that were posted. */
  postTask(task: RequestTask): void {
    this.flush();
    this.link.postTask(task);
  }

  get hasPosts(): boolean {
    return !this.#batch.isEmpty || this.#earlier.length > 0;
  }

  /** Sends the posted operations, the small ones as one message, and wakes the thread if it blocks. */
  flush(): void {
    if (!this.hasPosts) return;
    for (const batch of this.#earlier.splice(0)) this.link.postBatch(batch);
    if (!this.#batch.isEmpty) this.link.postBatch(this.#batch.take());
    this.signals.wake();
  }

  /** Whether its copy of the module serves jobs, and so must get all key-value changes and the close. */
  get isServing(): boolean {
    return this.phase === 'ready' || this.phase === 'retiring';
  }

  /** N of the thread's name `ixt-worker-N`, for a person. */
  get slotNumber(): number {
    return this.signals.slot;
  }

  /** Ring position up to which its committed frames count: its ring's tail, or where it was revoked. */
  get committedTail(): number {
    return this.revokedAt ?? this.signals.tail;
  }
}
