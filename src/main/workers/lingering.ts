import type { Clock } from '../../base/clock.ts';
import type { PoolWorker } from './pool-worker.ts';

/** Time for which a thread's event loop is watched to find out whether it waits or computes, in ms. */
const WATCH_MS = 100;

/**
 * A loop that had something to run for more than this share of the time is taken to compute or block. The share is high, because a
 * loop that computes or blocks never waits, while on a busy machine other processes may delay a waiting loop for most of the time,
 * each time that it wakes.
 */
const WAITS_BELOW = 0.95;

/**
 * Time that a thread has to finish if none of its handlers runs, in ms: its module threw while it was loaded, or it retires after
 * its last job. It is short, because such ends follow one another and would otherwise take all spare slots, so that the
 * replacements would wait.
 */
export const LEFT_BEHIND_MS = 1000;

export interface LingeringOptions {
  /** Time that a thread that waits may take to finish, in ms; 0 if no thread is waited for. */
  readonly lingerMs: number;
}

/**
 * Ends the threads of workers that may not write any more.
 *
 * While an addon's asynchronous work is under way, ending its thread aborts the whole process, and with it every other stream. Such
 * a thread can be told by its event loop, which turns and waits. So a thread whose loop waits *lingers*: it is left to finish until
 * its handlers have ended or the time is over. A thread that computes, blocks or does not answer is ended at once, since nothing
 * else stops it.
 */
export class Lingering {
  readonly #clock: Clock;
  readonly #lingerMs: number;
  /** The timer of each worker: first for the end of the watch, then for the end of its time. The functions cancel them. */
  readonly #timers = new Map<PoolWorker, () => void>();
  readonly #lingering = new Set<PoolWorker>();

  constructor(clock: Clock, { lingerMs }: LingeringOptions) {
    this.#clock = clock;
    this.#lingerMs = lingerMs;
  }

  /** Number of threads that are left to finish. */
  get size(): number {
    return this.#lingering.size;
  }

  /** @param mostMs at most so much time, in ms, because the process ends */
  end(worker: PoolWorker, mostMs = Infinity): void {
    const lingerMs = Math.min(this.#lingerMs, mostMs);
    if (lingerMs <= WATCH_MS) return this.terminate(worker);
    if (this.#lingering.has(worker)) return this.#after(lingerMs, worker, () => this.terminate(worker));
    // The call starts a new measurement, since the loop's activity up to now is not of interest.
    worker.link.loopActivity();
    this.#after(WATCH_MS, worker, () => {
      if (worker.link.loopActivity() > WAITS_BELOW) return this.terminate(worker);
      this.#lingering.add(worker);
      this.#after(lingerMs - WATCH_MS, worker, () => this.terminate(worker));
    });
  }

  terminate(worker: PoolWorker): void {
    this.forget(worker);
    worker.link.terminate();
  }

  /** The thread is gone. */
  forget(worker: PoolWorker): void {
    this.#timers.get(worker)?.();
    this.#timers.delete(worker);
    this.#lingering.delete(worker);
  }

  #after(ms: number, worker: PoolWorker, action: () => void): void {
    this.#timers.get(worker)?.();
    this.#timers.set(worker, this.#clock.after(ms, action));
  }
}
