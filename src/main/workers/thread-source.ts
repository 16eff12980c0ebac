import type { EventEmitter } from 'node:events';
import { Piscina, queueOptionsSymbol } from 'piscina';
import { programFile, refuseInBundle } from '../../base/package-files.ts';
import type { Seat, WorkerSettings } from '../../threads/messages.ts';

/** What Piscina shows the load balancer of a task: the thread that the seat is for. */
interface SeatFor {
  readonly threadId: number;
}

type SeatTask = Seat & { readonly [queueOptionsSymbol]: SeatFor };

/** What is asked of Piscina: it starts threads, replaces those that have died, and runs one task on each. */
export type ThreadSource = Pick<Piscina<SeatTask, undefined>, 'run' | 'threads' | 'destroy'> &
  Pick<EventEmitter, 'on'>;
export type ThreadSourceOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>;

export function startPiscina(options: ThreadSourceOptions): ThreadSource {
  // Piscina finds its own files by its place, too.
  refuseInBundle('worker threads can’t be started from code that was put');
  return new Piscina(options);
}

/** @param workerHeapMb of each thread's JavaScript heap, at most */
export function threadOptions(
  workers: number,
  workerHeapMb: number,
  settings: WorkerSettings,
): ThreadSourceOptions {
  return {
    // CommonJS also for this: Piscina tries `require` first, and where a thread is ended while an ES module is being
    // required, Node aborts the whole process.
    filename: programFile('workers/stream-worker.ts', 'cjs'),
    minThreads: workers,
    maxThreads: workers,
    // Threads are never too many, and an idle one costs less than a cold start.
    idleTimeout: Infinity,
    // A task is given only to a thread that has none, so Piscina's own queue stays empty; it must be finite all the same.
    maxQueue: workers,
    // Piscina's own wait would park the event loop between tasks, and with it everything sent to our port.
    atomics: 'disabled',
    workerData: settings,
    resourceLimits: {
      maxOldGenerationSizeMb: workerHeapMb,
      // V8's own 48 MB are too few for streams by the thousand: what waits for its next frame then survives one
      // collection after the other, and they take half of the thread's time. Used only where so much survives.
      maxYoungGenerationSizeMb: workerHeapMb / 4,
    },
    recordTiming: false,
    loadBalancer: (task, candidates) => {
      const { threadId } = task[queueOptionsSymbol] as SeatFor;
      return candidates.find(({ id }) => id === threadId) ?? null;
    },
  };
}

/** Runs the one task of a thread that has none. */
export function giveSeat(source: ThreadSource, threadId: number, { slot, port }: Seat): void {
  const seatFor: SeatFor = { threadId };
  const task: SeatTask = { slot, port, [queueOptionsSymbol]: seatFor };
  // It never settles but by the thread's death, which its exit event tells.
  source.run(task, { transferList: [port] }).catch(() => {});
}
