import type { ErrorCode } from '../../errors.ts';
import { OP, type OpKind } from '../../threads/messages.ts';
import type { PoolWorker } from '../workers/pool-worker.ts';
import type { Assignment } from './scheduler.ts';
import type { Clock } from '../../base/clock.ts';

const encoder = new TextEncoder();

/** The first steps of the cancel ladder, for streams and requests alike. */
export class RunningJob {
  readonly assignment: Assignment;
  readonly #clock: Clock;
  /** Why the job was stopped, for a person. */
  stopReason = '';
  #cancelGrace: (() => void) | undefined;

  constructor(assignment: Assignment, clock: Clock) {
    this.assignment = assignment;
    this.#clock = clock;
  }

  /** Tells the worker something about the job: with the next batch, or by {@link PoolWorker.flush}. */
  post(kind: OpKind, bytes?: Uint8Array, start?: number, end?: number): void {
    this.assignment.worker.post(kind, this.assignment.jobId, bytes, start, end);
  }

  /** The same with bytes that are the worker's from here on, so that the payload need not be copied. */
  give(kind: OpKind, bytes: Uint8Array, start: number, end: number): void {
    this.assignment.worker.give(kind, this.assignment.jobId, bytes, start, end);
  }

  /** Tells the handler by word and by message, wakes whatever it waits in, and starts the grace time. */
  stop(cause: ErrorCode, reason: string, graceMs: number, onGraceOver: () => void): void {
    const { worker, control } = this.assignment;
    control.decide(cause);
    this.stopReason = reason;
    this.post(OP.stop, encoder.encode(reason));
    worker.flush();
    worker.signals.wakeSender();
    this.#cancelGrace = this.#clock.after(graceMs, onGraceOver);
  }

  /** The handler has ended. */
  settle(): void {
    this.#cancelGrace?.();
  }
}

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
