import { OP } from '../../threads/messages.ts';
import type { PoolWorker } from './pool-worker.ts';

/**
 * The workers' copies of the module. Each begins once, before the first of its handlers, and closes once, when the module drains.
 */
export class ModuleCopies {
  #config: Uint8Array | undefined;
  readonly #closing = new Set<PoolWorker>();
  #onAllClosed = (): void => {};

  /** Sets the config (`Initialize.config` of the first `initialize`) for the copies that have not begun. */
  configure(config: Uint8Array): void {
    this.#config ??= config;
  }

  /** Posts the config, before anything that is posted next, unless the copy has begun. */
  begin(worker: PoolWorker): void {
    if (worker.isInitialised) return;
    worker.isInitialised = true;
    worker.post(OP.init, 0, this.#config);
  }

  /** Closes the copies that have begun. Resolves when all have closed. */
  close(workers: Iterable<PoolWorker>): Promise<void> {
    for (const worker of workers) {
      if (!worker.isServing || !worker.isInitialised) continue;
      this.#closing.add(worker);
      worker.post(OP.close, 0);
      worker.flush();
    }
    if (this.#closing.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onAllClosed = resolve));
  }

  /** The copy has closed, or is gone. */
  onClosed(worker: PoolWorker): void {
    this.#closing.delete(worker);
    if (this.#closing.size === 0) this.#onAllClosed();
  }
}
