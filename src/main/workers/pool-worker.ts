import type { SlotWords } from '../../shared-memory/slot-words.ts';
import type { OpKind, RequestTask, StreamStart } from '../../threads/messages.ts';
import { OpBatch } from '../../threads/op-batch.ts';
import type { WorkerLink } from './worker-link.ts';
import type { Place } from './worker-supply.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * Where a worker stands.
 *
 * `loading`: the thread boots, and loads the module. `ready`: it takes jobs. `retiring`: ended once its jobs have, and given new
 * ones only where no other worker has room. `fenced`: it may never write again, its place is another's, and it is being ended or
 * left to finish. `gone`: its thread has exited.
 */
export type WorkerPhase = 'loading' | 'ready' | 'retiring' | 'fenced' | 'gone';

/** Main's view of one worker thread, from its start to its exit. */
export class PoolWorker {
  readonly link: WorkerLink;
  /** Which of the workers that were asked for it is; after the fence that is another. */
  readonly place: Place;
  phase: WorkerPhase = 'loading';
  /** Distinguishes it from every other thread of this process's life. */
  readonly incarnation: number;
  /** Its place in the shared memory. */
  readonly seat: SlotWords;
  /** The thread runs our code: from here on what fails is the module. */
  hasBooted = false;
  hasLoaded = false;
  /** It is to end, and its handlers ran then: once they have ended, so has what they waited for. */
  isAwaited = false;
  /** Jobs on it, and whether the one it has needs it alone. */
  running = 0;
  isExclusive = false;
  /** Ring position behind which nothing of this worker counts, once it is fenced. */
  fence: number | undefined;
  /** What the thread said before it died, or why it couldn't load. */
  failure: string | undefined;
  /** Key-value changes sent and not yet seen by the module. */
  kvInFlight = 0;
  kvBytesInFlight = 0;
  /** Its copy of the module has begun: a handler of it runs, or has run. */
  isInitialised = false;
  cancelLoadTimer: (() => void) | undefined;
  readonly #batch = new OpBatch();

  constructor(seat: SlotWords, link: WorkerLink, place: Place, incarnation: number) {
    this.seat = seat;
    this.link = link;
    this.place = place;
    this.incarnation = incarnation;
  }

  /** Adds an operation to what the next {@link flush} sends. */
  post(kind: OpKind, job: number, bytes: Uint8Array = NO_BYTES, start = 0, end = bytes.length): void {
    this.#batch.add(kind, job, bytes, start, end);
  }

  /** The same for a stream that begins. */
  postOpen(start: StreamStart): void {
    this.#batch.addOpen(start);
  }

  /** Sends a request at once, behind what was posted. */
  postTask(task: RequestTask): void {
    this.flush();
    this.link.postTask(task);
  }

  get hasPosts(): boolean {
    return !this.#batch.isEmpty;
  }

  /** Sends what was posted, as one message, and wakes the thread if it blocks. */
  flush(): void {
    if (this.#batch.isEmpty) return;
    this.link.postBatch(this.#batch.take());
    this.seat.wake();
  }

  /** Whether its copy of the module serves jobs, and so is to hear of all that concerns a copy. */
  get isServing(): boolean {
    return this.phase === 'ready' || this.phase === 'retiring';
  }

  /** N of its name `ixt-worker-N`, for a person. */
  get seatNumber(): number {
    return this.seat.slot;
  }

  /** Up to where what it committed counts: its ring's tail, or the fence. */
  get committedTail(): number {
    return this.fence ?? this.seat.tail;
  }
}
