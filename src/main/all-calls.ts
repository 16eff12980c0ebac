import type { Clock } from '../base/clock.ts';
import type { Manifest } from '../threads/manifest.ts';
import { Requests, type RequestEntry, type RequestsHost } from './calls/requests.ts';
import type { Assignment, Scheduler } from './calls/scheduler.ts';
import type { ServeOptions } from './options.ts';
import type { Answers } from './output/answers.ts';
import type { Outlet } from './output/outlet.ts';
import type { StreamEntry } from './streams/stream-entry.ts';
import { Streams, type StreamsHost } from './streams/streams.ts';
import type { KeyValues } from './workers/key-values.ts';
import type { ModuleCopies } from './workers/module-copies.ts';
import type { PoolWorker } from './workers/pool-worker.ts';
import type { WorkerPool } from './workers/pool.ts';

/** The parts of main that calls are made of, and those that they are handed to. */
export interface CallParts {
  readonly options: ServeOptions;
  readonly clock: Clock;
  readonly outlet: Outlet;
  readonly answers: Answers;
  readonly scheduler: Scheduler<StreamEntry | RequestEntry>;
  readonly pool: WorkerPool;
  readonly copies: ModuleCopies;
  readonly keyValues: KeyValues;
}

/**
 * All calls of the host: its streams and its unary requests. Whatever happens to main or to a worker happens to both kinds, in this
 * order; and both get the same of main, which is a place from the scheduler and a worker from the pool.
 */
export class AllCalls implements StreamsHost, RequestsHost {
  readonly options: ServeOptions;
  readonly clock: Clock;
  readonly outlet: Outlet;
  readonly scheduler: Scheduler<StreamEntry | RequestEntry>;
  readonly streams: Streams;
  readonly requests: Requests;
  readonly #pool: WorkerPool;
  readonly #copies: ModuleCopies;
  readonly #keyValues: KeyValues;

  constructor(parts: CallParts) {
    this.options = parts.options;
    this.clock = parts.clock;
    this.outlet = parts.outlet;
    this.scheduler = parts.scheduler;
    this.#pool = parts.pool;
    this.#copies = parts.copies;
    this.#keyValues = parts.keyValues;
    this.streams = new Streams(this);
    this.requests = new Requests(this, parts.answers);
  }

  get isIdle(): boolean {
    return this.streams.isIdle && this.requests.isIdle;
  }

  // From streams and requests.

  startStream(assignment: Assignment, entry: StreamEntry): void {
    this.#prepare(assignment.worker);
    const queuedMs = entry.times.started - entry.times.opened;
    this.#pool.dispatch(assignment.worker, entry.startOf(assignment, this.clock.now() - queuedMs, queuedMs));
  }

  startRequest({ worker, jobId, block }: Assignment, { context, body }: RequestEntry): void {
    this.#prepare(worker);
    this.#pool.dispatch(worker, { kind: 'handle', jobId, block, context, body });
  }

  endWorker(worker: PoolWorker): void {
    this.#pool.end(worker, 'another handler on its worker did not stop in time');
  }

  /** Why no call can be taken: no worker could be had for a while. `undefined` while calls may wait. */
  unavailable(): string | undefined {
    return this.#pool.unavailable;
  }

  // From main.

  /** Starts the calls that waited and can start now. */
  startPlaced(): void {
    const { scheduler } = this;
    for (let placed = scheduler.next(); placed !== undefined; placed = scheduler.next()) {
      const { call, assignment } = placed;
      if (call.kind === 'stream') this.streams.start(call, assignment);
      else this.requests.start(call, assignment);
    }
  }

  /** The first worker has loaded the module. */
  onManifest(manifest: Manifest): void {
    this.streams.onManifest(manifest);
    this.requests.onManifest(manifest);
  }

  /** The handler of a job has ended. */
  onSettled(jobId: number): void {
    this.streams.onSettled(jobId);
    this.requests.onSettled(jobId);
  }

  /** No worker could be had for a while: what waits is refused. */
  refuseWaiting(why: string): void {
    this.streams.refuseWaiting(why);
    this.requests.refuseWaiting(why);
  }

  /** Main has failed: what runs on a worker that is ended for it gets `internal`. Called before {@link onRevoked}. */
  failOn(worker: PoolWorker, why: string): void {
    this.streams.failOn(worker, why);
    this.requests.failOn(worker, why);
  }

  /** Main has failed: what waits gets `internal`. */
  failWaiting(why: string): void {
    this.streams.failWaiting(why);
    this.requests.failWaiting(why);
  }

  /** A worker may write nothing more. @param how for a person */
  onRevoked(worker: PoolWorker, how: string): void {
    this.streams.onRevoked(worker, how);
    this.requests.onRevoked(worker, how);
  }

  /** A worker's thread has exited. @param how for a person */
  onWorkerExit(worker: PoolWorker, how: string): void {
    this.streams.onWorkerExit(worker, how);
    this.requests.onWorkerExit(worker, how);
  }

  /** New calls are refused from here on. */
  drain(): void {
    this.streams.drain();
    this.requests.drain();
  }

  /** @param reason for a person */
  cancelAll(reason: string): void {
    this.streams.cancelAll(reason);
    this.requests.cancelAll(reason);
  }

  /** `onInit` and the key-value changes that came before a call go to its worker ahead of it. */
  #prepare(worker: PoolWorker): void {
    this.#copies.begin(worker);
    this.#keyValues.flushBefore(worker);
  }
}
