import type { HandlerMode } from '../../module.ts';
import { JobControl } from '../../shared-memory/job-control.ts';
import type { ControlBlock, Region } from '../../shared-memory/region.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import { jobIdAfter } from '../../threads/job-id.ts';

/** Room for one job on a worker, held until the handler has really ended. */
export interface Assignment {
  readonly worker: PoolWorker;
  /** Identifies the job in messages. Int32; it wraps after 2^32 jobs, so compare with `isLater`. */
  readonly jobId: number;
  /** The job's control block, used again once the job has ended. */
  readonly block: ControlBlock;
  readonly control: JobControl;
}

/** Something that waits for a worker. */
export interface Waiting {
  /** `sync`: it needs a worker to itself. */
  readonly mode: HandlerMode;
  /** Ends it if its deadline has passed, so that it never starts. @returns whether it has */
  expire(): boolean;
  /** A worker has room. */
  start(assignment: Assignment): void;
}

/**
 * Gives workers to calls: first come, first served.
 *
 * A synchronous handler gets a worker to itself; asynchronous ones share up to `streamsPerWorker`, on the worker with
 * the fewest. If the first call in the queue finds no place, it holds the others back, so that no call waits for ever.
 */
export class Scheduler {
  readonly #workers: ReadonlySet<PoolWorker>;
  readonly #streamsPerWorker: number;
  readonly #region: Region;
  readonly #queue = new Set<Waiting>();
  readonly #freeBlocks: ControlBlock[];
  #lastNumber: number;
  readonly #isClogged: () => boolean;

  /**
   * @param isClogged whether the host has so much left to read that nothing new should produce more
   * @param lastNumber the first job gets the one that follows
   */
  constructor(
    workers: ReadonlySet<PoolWorker>,
    streamsPerWorker: number,
    region: Region,
    isClogged: () => boolean,
    lastNumber = 0,
  ) {
    this.#workers = workers;
    this.#streamsPerWorker = streamsPerWorker;
    this.#region = region;
    this.#isClogged = isClogged;
    this.#lastNumber = lastNumber;
    this.#freeBlocks = Array.from(
      { length: region.jobs },
      (_, job) => (region.jobs - 1 - job) as ControlBlock,
    );
  }

  /** Workers that run something, but for those that have been ended. */
  get busy(): number {
    let busy = 0;
    for (const worker of this.#workers) if (worker.isServing && worker.running > 0) busy++;
    return busy;
  }

  /** Workers that have loaded the module. */
  get ready(): number {
    let ready = 0;
    for (const worker of this.#workers) if (worker.phase === 'ready') ready++;
    return ready;
  }

  submit(waiting: Waiting): void {
    this.#queue.add(waiting);
    this.place();
  }

  withdraw(waiting: Waiting): void {
    this.#queue.delete(waiting);
  }

  /** The handler has ended: its room is free. */
  release({ worker, block }: Assignment): void {
    worker.running--;
    worker.isExclusive = false;
    this.#freeBlocks.push(block);
  }

  /** Starts each call that can start. To be called whenever a worker may have room, or the host has read. */
  place(): void {
    for (const waiting of this.#queue) {
      if (this.#isClogged()) return;
      const worker = this.#workerFor(waiting.mode);
      if (worker === undefined) return;
      this.#queue.delete(waiting);
      if (waiting.expire()) continue;
      const block = this.#freeBlocks.pop();
      if (block === undefined)
        throw new Error('more jobs than there is room for: the scheduler has lost count');
      worker.running++;
      worker.isExclusive = waiting.mode === 'sync';
      this.#lastNumber = jobIdAfter(this.#lastNumber);
      waiting.start({ worker, jobId: this.#lastNumber, block, control: new JobControl(this.#region, block) });
    }
  }

  #workerFor(mode: HandlerMode): PoolWorker | undefined {
    let best: PoolWorker | undefined;
    let retiring: PoolWorker | undefined;
    for (const worker of this.#workers) {
      if (worker.isExclusive || worker.running >= (mode === 'sync' ? 1 : this.#streamsPerWorker)) continue;
      if (worker.phase === 'ready' && (best === undefined || worker.running < best.running)) best = worker;
      if (worker.phase === 'retiring' && worker.running > 0) retiring = worker;
    }
    // A retiring worker takes new jobs only if no healthy one has room, because its last job may run for hours.
    return best ?? retiring;
  }
}
