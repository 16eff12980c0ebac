import type { JobControl } from '../../shared-memory/job-control.ts';
import type { ControlBlock } from '../../shared-memory/region.ts';
import type { SlotFigures } from '../../shared-memory/slot-figures.ts';
import type { DroppedLogs } from '../../shared-memory/slot-signals.ts';
import type { FromWorker, WorkerSettings } from '../../threads/messages.ts';
import type { LoadedModule } from '../module-loader.ts';
import type { WireOutput } from '../wire-output.ts';
import type { FailureLog } from './failure-log.ts';
import type { ServiceCalls } from './services.ts';

/** A stream or request that runs on this thread, and that gets the operations which main sends for it. */
export interface Job {
  readonly jobId: number;
  readonly method: string;
  /** Runs its handler. The job calls {@link JobHost.jobEnded} once, when the handler has really ended. Never throws. */
  run(): void;
  deliver(chunk: Uint8Array): void;
  deliverEnd(): void;
  /** The host has granted credit. */
  credited(): void;
  /** There may be room in the ring. */
  retry(): void;
  /** A cause is decided. @param reason for a person; empty if none was given */
  stop(reason: string): void;
  /** A timer or promise that the job's handler left behind has failed outside the handler's call. */
  fail(thrown: unknown): void;
}

/** The thread, as the jobs on it see it. */
export interface JobHost {
  readonly settings: WorkerSettings;
  readonly module: LoadedModule;
  readonly wire: WireOutput;
  readonly services: ServiceCalls;
  readonly figures: SlotFigures;
  readonly droppedLogs: DroppedLogs;
  readonly failureLog: Pick<FailureLog, 'tell'>;
  tellMain(message: FromWorker): void;
  control(job: ControlBlock): JobControl;
  /** The job's handler has ended, and so has its stream. */
  jobEnded(job: Job): void;
  /** The job's own code has thrown, which is a bug of ours. */
  jobThrew(job: Job, error: unknown): void;
  /** Blocks until main has sent something, unless `mustLook` returns `true`, since there is something to look at already. */
  blockForInput(mustLook: () => boolean): void;
  /** Handles the messages that have arrived. */
  pump(): void;
  flushThisTurn(): void;
  hasShared(jobId: number): boolean;
}
