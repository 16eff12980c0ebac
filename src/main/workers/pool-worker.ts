import type { MessageChannel, MessagePort, Worker } from 'node:worker_threads';
import type { SlotWords } from '../../shared-memory/slot-words.ts';
import type { OpKind, StreamStart } from '../../threads/messages.ts';
import { OpBatch } from '../../threads/op-batch.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * Where a worker stands.
 *
 * `starting`: the thread is there, without a seat. `loading`: it has a seat and loads the module. `ready`: it takes
 * jobs. `broken`: the module could not be loaded again. `retiring`: ended once its jobs have, and
 * given new ones only where no other worker has room. `fenced`: it may never write again and is being ended. `gone`: its thread has exited.
 */
export type WorkerPhase = 'starting' | 'loading' | 'ready' | 'broken' | 'retiring' | 'fenced' | 'gone';

/** Main's view of one worker thread, from its start to its exit. */
export class PoolWorker {
  readonly thread: Worker;
  readonly threadId: number;
  readonly port: MessagePort;
  /** The other end of it, which goes to the thread with its seat. */
  readonly threadPort: MessagePort;
  phase: WorkerPhase = 'starting';
  /** Distinguishes it from every other thread of this process's life. */
  readonly incarnation: number;
  /** Its place in the shared memory; `undefined`: it waits for one. */
  seat: SlotWords | undefined;
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
  isInitialised = false;
  cancelLoadTimer: (() => void) | undefined;
  readonly #batch = new OpBatch();

  constructor(thread: Worker, { port1, port2 }: MessageChannel, incarnation: number) {
    this.thread = thread;
    this.threadId = thread.threadId;
    this.port = port1;
    this.threadPort = port2;
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

  get hasPosts(): boolean {
    return !this.#batch.isEmpty;
  }

  /** Sends what was posted, as one message, and wakes the thread if it blocks. */
  flush(): void {
    if (this.#batch.isEmpty) return;
    const batch = this.#batch.take();
    this.port.postMessage(batch, [batch]);
    this.seat?.wake();
  }

  /** Whether its copy of the module serves jobs, and so is to hear of all that concerns a copy. */
  get isServing(): boolean {
    return this.phase === 'ready' || this.phase === 'retiring';
  }

  /** N of its name `ixt-worker-N`, for a person; -1: it has no seat yet, and so no name. */
  get seatNumber(): number {
    return this.seat?.slot ?? -1;
  }

  /** Up to where what it committed counts: its ring's tail, or the fence. */
  get committedTail(): number {
    return this.fence ?? this.seat?.tail ?? 0;
  }
}
