import type { ErrorCode } from '../../errors.ts';
import { OP, type OpKind } from '../../threads/messages.ts';
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
