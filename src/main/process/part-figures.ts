import type { Stats } from '../../base/stats.ts';
import type { TimedLock } from '../output/timed-lock.ts';
import type { Streams } from '../streams/streams.ts';
import type { WorkerPool } from '../workers/pool.ts';

/** The figures that a health report and the process's statistics share. */
export type LoadFigures = Pick<
  Stats,
  | 'openStreams'
  | 'queuedOpens'
  | 'workers'
  | 'busyWorkers'
  | 'framesIn'
  | 'bytesIn'
  | 'framesOut'
  | 'bytesOut'
>;

/** The figures that main's parts keep: all of {@link Stats} that is not measured by the process as a whole. */
export type PartCounts = Omit<
  Stats,
  'uptimeMs' | 'creditStall' | 'ringStall' | 'handlerCpuMs' | 'droppedLogs' | 'mainDelay'
>;

/** The parts of main that count something. */
export interface CountingParts {
  readonly streams: Streams;
  readonly scheduler: { readonly busy: number };
  readonly pool: WorkerPool;
  readonly lock: TimedLock;
  readonly demux: { readonly messages: number };
  readonly reading: { readonly bytesIn: number };
}

/** Puts together the figures that main's parts keep. */
export class PartFigures {
  readonly #parts: CountingParts;

  constructor(parts: CountingParts) {
    this.#parts = parts;
  }

  load(): LoadFigures {
    const { streams, scheduler, pool, demux, reading } = this.#parts;
    return {
      openStreams: streams.openCount,
      queuedOpens: streams.queuedCount,
      workers: pool.serving + pool.sleeping,
      busyWorkers: scheduler.busy,
      framesIn: demux.messages,
      bytesIn: reading.bytesIn,
      ...pool.traffic(),
    };
  }

  all(): PartCounts {
    const { streams, pool, lock } = this.#parts;
    return {
      ...this.load(),
      ...streams.figures.figures,
      lateFrames: streams.lateFrames,
      lockStall: lock.waits,
      missingWorkers: pool.shortage?.missing ?? 0,
      missingBecause: pool.shortage?.why,
      sleepingWorkers: pool.sleeping,
      lingeringThreads: pool.lingering,
      workerRestarts: pool.restarts,
    };
  }
}
