import type { ErrorCode } from '../errors.ts';
import type { Durations } from './durations.ts';

/** How late main's event loop was, in ms. Its timer is exact to some 10 ms, so that much is no delay. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Figures of one module process since its start. Streams only, but where it says requests. */
export interface Stats {
  readonly uptimeMs: number;
  /** Messages and their bytes, all kinds. */
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Frames for ids that were not live, and grants of nothing: normal in small numbers. */
  readonly lateFrames: number;
  /** Opens that were accepted. */
  readonly opened: number;
  /** Terminal frames by what they said, those of refused Opens included. */
  readonly ended: Readonly<Partial<Record<'close' | ErrorCode, number>>>;
  /** Streams whose handler has not ended, or has not begun. */
  readonly openStreams: number;
  readonly queuedOpens: number;
  /** Workers that can take a job, now or when the one that they run has ended. */
  readonly workers: number;
  /** Workers whose last start or load has failed; they are tried again. */
  readonly missingWorkers: number;
  /** Why the last of those tries failed, for a person; `undefined`: none is missing. */
  readonly missingBecause: string | undefined;
  /** Threads that were ended and are left to finish native work; others have their places. */
  readonly lingeringThreads: number;
  /** Workers that run a stream or a request. */
  readonly busyWorkers: number;
  /** Threads that had loaded the module and have gone. */
  readonly workerRestarts: number;
  /** From an Open until a worker had room for it. */
  readonly queueWait: Durations;
  /** From there until the handler had really ended. */
  readonly run: Durations;
  /** From when main had decided to stop a running handler (a cancel, a deadline) until it had really ended. */
  readonly cancelLatency: Durations;
  /** Sends that found no credit: how long until there was some, or the stream ended. Counted when they are over. */
  readonly creditStall: Durations;
  /** Sends that found no room in their worker's ring, since the host doesn't read fast enough. */
  readonly ringStall: Durations;
  /** How long main waited for a worker to hand over the write lock. Workers never wait for it. */
  readonly lockStall: Durations;
  /**
   * CPU time of the handlers that have ended, in ms, but for those that shared their worker; `undefined` before Node
   * 23.9.
   */
  readonly handlerCpuMs: number | undefined;
  /** Lines of `stream.log` and prints of handlers that standard error had no room for. */
  readonly droppedLogs: number;
  /** Measured from the first look at these figures on; `undefined`: nothing is measured yet. */
  readonly mainDelay: LoopDelay | undefined;
}
