import type { FromWorker } from '../../threads/messages.ts';
import type { Manifest } from '../../threads/manifest.ts';
import type { PoolWorker } from './pool-worker.ts';
import type { Shortage } from './worker-supply.ts';

/** The messages of a worker about its module's work. The pool handles the others, which are about the thread. */
export type WorkMessage = Exclude<FromWorker, { type: 'bell' | 'loaded' | 'loadFailed' | 'retire' }>;

/** The part of main that the pool reports to. */
export interface PoolHost {
  /** A worker begins to load its own copy of the module. */
  onStarted(worker: PoolWorker): void;
  /** The worker is ready for jobs. */
  onLoaded(worker: PoolWorker, manifest: Manifest): void;
  /** The first loads of the module have all failed. @param why for a person */
  onBadModule(why: string): void;
  onWorkerMessage(worker: PoolWorker, message: WorkMessage): void;
  /**
   * The worker's right to write is revoked for ever. The frames that it had committed are on their way, so main can send the
   * terminal frames of its jobs after them.
   */
  onRevoked(worker: PoolWorker, how: string): void;
  /** The thread has exited. @param how for a person */
  onExited(worker: PoolWorker, how: string): void;
  /** A thread died while it wrote, so nobody knows how many bytes arrived. */
  onWireUnknown(): void;
  /** Fewer workers serve than were asked for, and the last try to get one has failed. */
  onShort(shortage: Shortage): void;
  /** All workers serve again. */
  onFull(): void;
  /** No worker has served for a while, so waiting calls must be refused. */
  onNone(why: string): void;
}
