import type { PoolWorker } from '../main/workers/pool-worker.ts';
import { WorkerPool } from '../main/workers/pool.ts';
import { streamIdFromWords } from '../wire/stream-id.ts';
import { LocalThread } from './local-threads.ts';

type Dispatched = Parameters<WorkerPool['dispatch']>[1];
type PoolParts = ConstructorParameters<typeof WorkerPool>;

/** Ends the worker of a stream once so many of its Data frames have arrived. */
export class WorkerKills {
  /** Which worker a stream was given to. */
  readonly #workers = new Map<string, PoolWorker>();
  /** Frames after which a stream's worker is to be killed. */
  readonly #due = new Map<string, number>();
  #pool: WorkerPool | undefined;

  /** The pool whose workers are killed. */
  createPool(parts: PoolParts): WorkerPool {
    return (this.#pool = new WatchedPool((worker, task) => this.#dispatched(worker, task), parts));
  }

  /** @param arrived Data frames so far; a stream that waits for its worker is killed when it has one */
  killAfter(id: string, frames: number, arrived: number): void {
    this.#due.set(id, frames);
    if (this.#workers.has(id)) this.arrived(id, arrived);
  }

  /** So many Data frames of the stream have arrived. */
  arrived(id: string, frames: number): void {
    if (frames >= (this.#due.get(id) ?? Infinity)) this.#kill(id);
  }

  #dispatched(worker: PoolWorker, task: Dispatched): void {
    if (task.kind !== 'stream') return;
    const { id0, id1, id2, id3 } = task.stream;
    const id = streamIdFromWords(id0, id1, id2, id3);
    this.#workers.set(id, worker);
    this.arrived(id, 0);
  }

  #kill(id: string): void {
    const worker = this.#workers.get(id);
    this.#due.delete(id);
    if (worker === undefined) return;
    // Not while main is about to give the worker its task.
    queueMicrotask(() => this.#pool?.end(worker, 'the test killed it'));
  }
}

/** The real pool, which tells who got what. */
class WatchedPool extends WorkerPool {
  readonly #onDispatch: (worker: PoolWorker, task: Dispatched) => void;

  constructor(onDispatch: (worker: PoolWorker, task: Dispatched) => void, parts: PoolParts) {
    super(...parts);
    this.#onDispatch = onDispatch;
  }

  override dispatch(worker: PoolWorker, task: Dispatched): void {
    // Piscina's threads are the pool's; the test kit's are its own.
    const thread: unknown = worker.thread;
    if (thread instanceof LocalThread) thread.run(worker, task, (now) => super.dispatch(worker, now));
    else super.dispatch(worker, task);
    this.#onDispatch(worker, task);
  }
}
