import { EventQueue } from './event-queue.ts';
import { exponential, xorshift } from './random.ts';

/** CPU time in µs, as measured. */
export interface Costs {
  /** Main, for each frame of a full read. */
  readonly mainPerFrame: number;
  /** Main, for each read: system calls, a turn of the event loop. */
  readonly mainPerRead: number;
  /** Main, for each worker that a read has something for: one message, a wake-up. */
  readonly mainPerPost: number;
  /** A worker, for each frame, beside what the handler computes. */
  readonly workerPerFrame: number;
}

export interface SimulationResult {
  readonly workers: number;
  /** What the handler computes for each frame, in µs. */
  readonly computing: number;
  readonly framesPerSecond: number;
  /** Cores that compute in handlers, or carry frames for them, on average. */
  readonly busyCores: number;
  /** Share of the time that main is busy. */
  readonly mainBusy: number;
}

/** Frames of 64 B in a pipe of 64 KiB, 192 bytes each on the wire. */
const PIPE_FRAMES = 341;
/** Frames of 64 B in one stream's window, and in half of it, which is when credit is given back. */
const WINDOW_FRAMES = 4_096;
const GRANT_FRAMES = WINDOW_FRAMES / 2;
const MAIN = -1;

/**
 * How many workers one main thread keeps busy, each with a core and a stream of its own, and a host that always has more to
 * send: a discrete-event simulation of pipe, reads, batches, queues and credit.
 *
 * @param frames how many frames to handle in all
 */
export function simulate(
  costs: Costs,
  workers: number,
  computing: number,
  frames = 100_000,
): SimulationResult {
  const random = xorshift(workers * 7919 + Math.round(computing));
  const events = new EventQueue();
  const balance = new Array<number>(workers).fill(WINDOW_FRAMES);
  const queued = new Array<number>(workers).fill(0);
  const taken = new Array<number>(workers).fill(0);
  const isBusy = new Array<boolean>(workers).fill(false);
  const inPipe = new Array<number>(workers).fill(0);
  let pipe = 0;
  let read: readonly number[] | undefined;
  let done = 0;
  let now = 0;
  let workerTime = 0;
  let mainTime = 0;
  let next = 0;

  const fillPipe = (): void => {
    for (let blocked = 0; pipe < PIPE_FRAMES && blocked < workers; next = (next + 1) % workers) {
      if ((balance[next] ?? 0) <= 0) {
        blocked++;
        continue;
      }
      blocked = 0;
      balance[next] = (balance[next] ?? 0) - 1;
      inPipe[next] = (inPipe[next] ?? 0) + 1;
      pipe++;
    }
  };
  const startRead = (): void => {
    fillPipe();
    if (read !== undefined || pipe === 0) return;
    read = [...inPipe];
    const targets = read.filter((count) => count > 0).length;
    const service = costs.mainPerRead + pipe * costs.mainPerFrame + targets * costs.mainPerPost;
    inPipe.fill(0);
    pipe = 0;
    mainTime += service;
    events.push(now + service, MAIN);
  };
  const startWork = (worker: number): void => {
    if (isBusy[worker] === true || queued[worker] === 0) return;
    isBusy[worker] = true;
    queued[worker] = (queued[worker] ?? 0) - 1;
    // Handlers don't take the same time for each chunk: exponential around the mean.
    const service = costs.workerPerFrame + exponential(computing, random);
    workerTime += service;
    events.push(now + service, worker);
  };

  startRead();
  while (done < frames) {
    const { time, event } = events.pop();
    now = time;
    if (event === MAIN) {
      const arrived = read ?? [];
      read = undefined;
      arrived.forEach((count, worker) => {
        queued[worker] = (queued[worker] ?? 0) + count;
        startWork(worker);
      });
      startRead();
      continue;
    }
    done++;
    isBusy[event] = false;
    taken[event] = (taken[event] ?? 0) + 1;
    if (taken[event] === GRANT_FRAMES) {
      taken[event] = 0;
      balance[event] = (balance[event] ?? 0) + GRANT_FRAMES;
      startRead();
    }
    startWork(event);
  }
  return {
    workers,
    computing,
    framesPerSecond: (done / now) * 1e6,
    busyCores: workerTime / now,
    mainBusy: mainTime / now,
  };
}
