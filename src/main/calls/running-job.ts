import type { ErrorCode } from '../../errors.ts';
import { OP, type OpKind } from '../../threads/messages.ts';
import type { Assignment } from './scheduler.ts';

const encoder = new TextEncoder();

/** Timers, injected so that tests own the clock. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment, with fractions: for durations, whatever happens to the time of day. */
  monotonic(): number;
  /** @returns a function that cancels the timer */
  after(ms: number, action: () => void): () => void;
}

/** The longest delay of a Node timer, in ms; a later deadline is looked at again then. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** Acts once, when a moment of the day has come. */
export class Deadline {
  readonly #clock: Clock;
  readonly #unixMs: number;
  readonly #action: () => void;
  #cancelTimer = (): void => {};

  /** @param unixMs milliseconds since the epoch */
  constructor(clock: Clock, unixMs: number, action: () => void) {
    this.#clock = clock;
    this.#unixMs = unixMs;
    this.#action = action;
    this.#arm();
  }

  /** Acts now if the moment has come: the timer may stand behind what the event loop is busy with. @returns whether it has */
  expire(): boolean {
    if (this.#unixMs > this.#clock.now()) return false;
    this.cancel();
    this.#action();
    return true;
  }

  cancel(): void {
    this.#cancelTimer();
  }

  #arm(): void {
    const left = this.#unixMs - this.#clock.now();
    this.#cancelTimer =
      left > MAX_TIMER_MS
        ? this.#clock.after(MAX_TIMER_MS, () => this.#arm())
        : this.#clock.after(Math.max(0, left), this.#action);
  }
}

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

  /** What the worker is to be told of the job: with the next batch, or by {@link PoolWorker.flush}. */
  post(kind: OpKind, bytes?: Uint8Array, start?: number, end?: number): void {
    this.assignment.worker.post(kind, this.assignment.number, bytes, start, end);
  }

  /** Tells the handler by word and by message, wakes whatever it waits in, and starts the grace time. */
  stop(cause: ErrorCode, reason: string, graceMs: number, onGraceOver: () => void): void {
    const { worker, control } = this.assignment;
    control.decide(cause);
    this.stopReason = reason;
    this.post(OP.stop, encoder.encode(reason));
    worker.flush();
    worker.seat?.wakeSender();
    this.#cancelGrace = this.#clock.after(graceMs, onGraceOver);
  }

  /** The handler has ended. */
  settle(): void {
    this.#cancelGrace?.();
  }
}
