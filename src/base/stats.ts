import type { ErrorCode } from '../errors.ts';
import type { Durations } from './durations.ts';

/** Delay of main's event loop, in ms. Its timer is exact to about 10 ms, so values up to that mean no delay. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/**
 * Figures of one module process since its start. They count streams only, except where a field says that it counts requests, too.
 */
export interface Stats {
  readonly uptimeMs: number;
  /** Messages of all types, and their bytes. In: from the host; out: to the host. */
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /**
   * Frames for ids that were not live, and grants of 0 bytes. Small numbers are normal, because a frame can cross the end of its
   * stream.
   */
  readonly lateFrames: number;
  /** Opens that were accepted. */
  readonly opened: number;
  /** Number of terminal frames by their code, including those of refused Opens. */
  readonly ended: Readonly<Partial<Record<'close' | ErrorCode, number>>>;
  /** Those of them that were for no accepted stream, by code: refused Opens, and frames that can't be understood. */
  readonly refused: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Accepted streams whose handler has not ended, including those whose handler has not begun. */
  readonly openStreams: number;
  readonly queuedOpens: number;
  /** Workers that can take a job now, or when the job that they run has ended, or once a call has woken them. */
  readonly workers: number;
  /** Those of them that have no thread, because there is nothing to do for one, or whose thread is on its way for a call. */
  readonly sleepingWorkers: number;
  /** Workers whose last start or load has failed; they are tried again. */
  readonly missingWorkers: number;
  /** Why the last of those tries failed, for a person; `undefined` if none is missing. */
  readonly missingBecause: string | undefined;
  /** Threads that may not write any more and are left to finish native work. Other threads have already replaced them. */
  readonly lingeringThreads: number;
  /** Workers that run a stream or a request. */
  readonly busyWorkers: number;
  /** Threads that had loaded the module and have exited, but for those of workers that were put to sleep. */
  readonly workerRestarts: number;
  /** Time from an Open until a worker had room for the stream. */
  readonly queueWait: Durations;
  /** Time from there until the handler had really ended. */
  readonly run: Durations;
  /** Time from main's decision to stop a running handler (a cancel, a deadline) until the handler had really ended. */
  readonly cancelLatency: Durations;
  /** Time that sends waited for credit, until there was some or the stream ended. Each wait is counted when it is over. */
  readonly creditStall: Durations;
  /** Time that sends waited for room in their worker's ring, because the host doesn't read fast enough. Counted likewise. */
  readonly ringStall: Durations;
  /** Time that main waited for a worker to hand over the write lock. Workers never wait for it. */
  readonly lockStall: Durations;
  /** CPU time of the handlers that have ended, in ms, without those that shared their worker; `undefined` before Node 23.9. */
  readonly handlerCpuMs: number | undefined;
  /** Lines of `stream.log` and prints of handlers that were dropped because standard error had no room. */
  readonly droppedLogs: number;
  /** Measured since these figures were first read; `undefined` if nothing is measured yet. */
  readonly mainDelay: LoopDelay | undefined;
}
