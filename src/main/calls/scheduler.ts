import type { RunLimit } from './method-limits.ts';
import type { HandlerMode } from '../../module.ts';
import { JobControl } from '../../shared-memory/job-control.ts';
import type { ControlBlock, Region } from '../../shared-memory/region.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import { jobIdAfter } from '../../threads/job-id.ts';

/** Room for one job on a worker, held until the handler has really ended. */
export interface Assignment {
  /** The limit of its method, which the job counts against. */
  readonly limit: RunLimit<unknown> | undefined;
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
  /** How many calls of its method may run at once; `undefined`: as many as there is room for. */
  readonly limit: RunLimit<Waiting> | undefined;
  /** Ends it if its deadline has passed, so that it never starts. @returns whether it has */
  expire(): boolean;
}

/** A call that waited, and the room that it has now. */
export interface Placed<Call> {
  readonly call: Call;
  readonly assignment: Assignment;
}

/** The scheduler as those see it who have calls of one kind: they put them in, and Main takes out what can start. */
export type CallQueue<Call extends Waiting> = Omit<Scheduler<Call>, 'next'>;

/**
 * Gives workers to calls: first come, first served.
 *
 * A synchronous handler gets a worker to itself; asynchronous ones share up to `streamsPerWorker`, on the worker with
 * the fewest. If the first call in the queue finds no place, it holds the others back, so that no call waits for ever. But a call
 * whose method runs as many as it may waits aside, and holds nobody back.
 *
 * It starts nothing by itself: a call that has just come asks {@link tryPlace}, and whoever has changed something asks {@link next}
 * for those that wait.
 */
export class Scheduler<Call extends Waiting> {
  readonly #workers: ReadonlySet<PoolWorker>;
  readonly #streamsPerWorker: number;
  readonly #region: Region;
  readonly #queue = new Set<Call>();
  /** Limits for which calls wait aside. */
  readonly #limits = new Set<RunLimit<Waiting>>();
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

  get hasWaiting(): boolean {
    return this.#queue.size > 0 || this.#limits.size > 0;
  }

  /**
   * The number of further workers that would have something to do at once with the calls that wait, counted up to `most`. A call
   * that waits for its method, or for the host to read, needs none.
   */
  wanted(most: number): number {
    if (this.#isClogged()) return 0;
    const running = new Map<RunLimit<Waiting>, number>();
    let alone = 0;
    let sharing = 0;
    const workers = (): number => alone + Math.ceil(sharing / this.#streamsPerWorker);
    for (const { mode, limit } of this.#waiting()) {
      if (limit !== undefined) {
        const of = running.get(limit) ?? limit.running;
        if (of >= limit.most) continue;
        running.set(limit, of + 1);
      }
      if (mode === 'sync') alone++;
      else sharing++;
      if (workers() >= most) return most;
    }
    return workers();
  }

  *#waiting(): Generator<Waiting> {
    for (const limit of this.#limits) yield* limit.waiting;
    yield* this.#queue;
  }

  /** The call waits for its turn, behind all that wait already. */
  submit(call: Call): void {
    if (call.limit?.isReached === true) this.#setAside(call, call.limit);
    else this.#queue.add(call);
  }

  withdraw(call: Call): void {
    this.#queue.delete(call);
    if (call.limit !== undefined) this.#takeBack(call, call.limit);
  }

  /** @returns room for a call that has just come; `undefined` if it has to wait, for a worker or behind others */
  tryPlace(call: Pick<Call, 'mode' | 'limit'>): Assignment | undefined {
    const mustWait =
      this.#queue.size > 0 ||
      (call.limit !== undefined && (call.limit.isReached || call.limit.waiting.size > 0));
    const worker = mustWait ? undefined : this.#workerFor(call.mode);
    return worker && this.#assign(worker, call);
  }

  /** Takes the next call that can start out of the queue. To be asked whenever a worker may have room, or the host has read. */
  next(): Placed<Call> | undefined {
    // Those that waited aside came before what is in the queue now.
    for (const limit of this.#limits) {
      for (const call of limit.waiting) {
        if (limit.isReached) break;
        const worker = this.#workerFor(call.mode);
        if (worker === undefined) return undefined;
        this.#takeBack(call, limit);
        if (!call.expire()) return { call: call as Call, assignment: this.#assign(worker, call) };
      }
    }
    for (const call of this.#queue) {
      if (call.limit?.isReached === true) {
        this.#queue.delete(call);
        this.#setAside(call, call.limit);
        continue;
      }
      const worker = this.#workerFor(call.mode);
      if (worker === undefined) return undefined;
      this.#queue.delete(call);
      if (!call.expire()) return { call, assignment: this.#assign(worker, call) };
    }
    return undefined;
  }

  #setAside(call: Call, limit: RunLimit<Waiting>): void {
    limit.waiting.add(call);
    this.#limits.add(limit);
  }

  #takeBack(call: Waiting, limit: RunLimit<Waiting>): void {
    limit.waiting.delete(call);
    if (limit.waiting.size === 0) this.#limits.delete(limit);
  }

  /** The handler has ended: its room is free. */
  release({ worker, block, limit }: Assignment): void {
    if (limit !== undefined) limit.running--;
    worker.running--;
    worker.isExclusive = false;
    this.#freeBlocks.push(block);
  }

  #assign(worker: PoolWorker, { mode, limit }: Pick<Waiting, 'mode' | 'limit'>): Assignment {
    const block = this.#freeBlocks.pop();
    if (block === undefined)
      throw new Error('more jobs than there is room for: the scheduler has lost count');
    worker.running++;
    if (limit !== undefined) limit.running++;
    worker.isExclusive = mode === 'sync';
    this.#lastNumber = jobIdAfter(this.#lastNumber);
    return { worker, jobId: this.#lastNumber, block, control: new JobControl(this.#region, block), limit };
  }

  #workerFor(mode: HandlerMode): PoolWorker | undefined {
    if (this.#isClogged()) return undefined;
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
