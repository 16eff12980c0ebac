import type { MainWriteLock } from '../../shared-memory/write-lock.ts';
import type { Outlet } from '../output/outlet.ts';
import type { PoolWorker } from './pool-worker.ts';

/** What has gone out so far. */
export interface Traffic {
  readonly framesOut: number;
  readonly bytesOut: number;
}

/** What workers write: counts it, and takes the right to write from a worker that is to end, for ever. */
export class WorkerWrites {
  readonly #lock: MainWriteLock;
  readonly #outlet: Outlet;
  readonly #onRevoked: (worker: PoolWorker, how: string) => void;
  #frames = 0;
  #bytes = 0;

  /** @param onRevoked called once for each worker, when all that it had committed is on its way; main holds the lock then */
  constructor(
    parts: { readonly lock: MainWriteLock; readonly outlet: Outlet },
    onRevoked: (worker: PoolWorker, how: string) => void,
  ) {
    this.#lock = parts.lock;
    this.#outlet = parts.outlet;
    this.#onRevoked = onRevoked;
  }

  /**
   * Takes the right to write as soon as main holds the lock, and calls `then`; where it is taken already, it calls `then` alone.
   *
   * @param how the worker ends, for a person
   */
  revoke(worker: PoolWorker, how: string, then: () => void): void {
    const { signals } = worker;
    this.#outlet.whenHeld(() => {
      if (worker.revokedAt === undefined) {
        this.#count(worker);
        // Everything that it committed up to here goes out, and nothing that it commits from here on.
        this.#outlet.spill(signals.slot);
        worker.revokedAt = signals.head;
        this.#lock.revoke(signals.slot);
        this.#onRevoked(worker, how);
      }
      then();
    });
  }

  /** What went out so far, main's own included. To be called more than once per 4 GiB, because the workers' counts wrap at 2^32. */
  traffic(workers: Iterable<PoolWorker>): Traffic {
    for (const worker of workers) this.#count(worker);
    return {
      framesOut: this.#frames + this.#outlet.framesOut,
      bytesOut: this.#bytes + this.#outlet.bytesOut,
    };
  }

  /** Counts a worker's frames up to its revoke, because frames that it commits after that are dropped. */
  #count({ signals, revokedAt }: PoolWorker): void {
    if (revokedAt !== undefined) return;
    const { frames, bytes } = signals.takeTraffic();
    this.#frames += frames;
    this.#bytes += bytes;
  }
}
