import { logLine } from '../base/stderr.ts';
import type { Job } from './jobs/job.ts';

/** A turn of the event loop that takes longer than this, in ms, delays the other jobs on the thread. */
const LONG_TURN_MS = 500;

/** Limit for the methods that are warned about by name, because the host chooses the names if one handler serves all methods. */
const MAX_NAMED = 256;

/**
 * Warns if an asynchronous handler blocks a thread that it shares (`streamsPerWorker` above 1), once for each method. It costs
 * nothing while a job is alone.
 */
export class SlowTurnWarning {
  readonly #jobs: ReadonlyMap<number, Job>;
  readonly #warn: (line: string) => void;
  readonly #now: () => number;
  readonly #warned = new Set<string>();
  /** Methods whose code has run in this turn, or will run before its end. */
  #touched = new Set<string>();
  #began = 0;
  /** Number of jobs when the turn began, since some may be over at its end. */
  #jobsThen = 0;

  /** @param now milliseconds, monotonic */
  constructor(
    jobs: ReadonlyMap<number, Job>,
    now: () => number = () => performance.now(),
    warn: (line: string) => void = logLine,
  ) {
    this.#jobs = jobs;
    this.#now = now;
    this.#warn = warn;
  }

  /** The job's handler is about to run, or to be resumed. */
  touch(job: Job): void {
    if (this.#jobs.size < 2) return;
    if (this.#touched.size === 0) {
      this.#began = this.#now();
      this.#jobsThen = this.#jobs.size;
      // Later than this turn's microtasks, in which a resumed handler runs.
      setImmediate(() => this.#turnEnded());
    }
    this.#touched.add(job.method);
  }

  /** The job's handler blocks the thread. @param job `undefined` if the job isn't known */
  blocks(job: Job | undefined): void {
    if (this.#jobs.size < 2 || job === undefined) return;
    const what = 'blocks the worker that it shares, by a synchronous read, send or request';
    this.#tell(job.method, what, this.#jobs.size);
  }

  #turnEnded(): void {
    const took = this.#now() - this.#began;
    const methods = this.#touched;
    this.#touched = new Set();
    if (took < LONG_TURN_MS) return;
    const what = `held the worker that it shares for ${Math.round(took)} ms`;
    for (const method of methods) this.#tell(method, what, this.#jobsThen);
  }

  #tell(method: string, what: string, jobs: number): void {
    if (this.#warned.has(method) || this.#warned.size >= MAX_NAMED) return;
    this.#warned.add(method);
    this.#warn(
      `warning: the asynchronous handler of '${method}' ${what}; ${jobs - 1} other streams waited. ` +
        'Make it synchronous (a generator function, or mode: "sync"), so that it gets a worker to itself',
    );
  }
}
