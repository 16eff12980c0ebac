import type { PoolWorker } from '../workers/pool-worker.ts';
import { RunningJob } from './running-job.ts';
import type { Assignment } from './scheduler.ts';
import type { Clock } from '../../base/clock.ts';

/** Gets the room back that a job had on its worker. */
interface RoomKeeper {
  release(assignment: Assignment): void;
}

/** Calls whose handler runs, by job number, until it has really ended; also those that were answered ahead of that. */
export class RunningJobs<Call extends { running: RunningJob | undefined }> {
  readonly #clock: Clock;
  readonly #scheduler: RoomKeeper;
  readonly #calls = new Map<number, Call>();

  constructor({ clock, scheduler }: { readonly clock: Clock; readonly scheduler: RoomKeeper }) {
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Whether all that run have been answered, because their workers are being ended: nobody waits for them. */
  get isIdle(): boolean {
    for (const { running } of this) if (running?.assignment.worker.phase !== 'revoked') return false;
    return true;
  }

  [Symbol.iterator](): Iterator<Call> {
    return this.#calls.values();
  }

  /** @returns `undefined` for a job that is another's, or over */
  get(number: number): Call | undefined {
    return this.#calls.get(number);
  }

  /** Those on one worker. Each may be ended as it comes. */
  *on(worker: PoolWorker): Generator<Call> {
    for (const call of this) if (call.running?.assignment.worker === worker) yield call;
  }

  start(call: Call, assignment: Assignment): RunningJob {
    this.#calls.set(assignment.jobId, call);
    return (call.running = new RunningJob(assignment, this.#clock));
  }

  /** The handler has ended: its room on the worker is free. */
  end({ running }: Call): void {
    if (running === undefined || !this.#calls.delete(running.assignment.jobId)) return;
    running.settle();
    this.#scheduler.release(running.assignment);
  }
}
