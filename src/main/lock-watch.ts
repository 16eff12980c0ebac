import { MainWriteLock } from '../shared-memory/write-lock.ts';
import type { Region } from '../shared-memory/region.ts';
import type { Stats } from '../stats.ts';
import { DurationCount } from './duration-count.ts';
import type { Clock } from './running-job.ts';

/** Main's lock, which also knows how long main waited for it. Where it is free nothing is measured. */
export class WatchedLock extends MainWriteLock {
  readonly #clock: Clock;
  readonly #waits = new DurationCount();
  #since: number | undefined;

  constructor(region: Region, clock: Clock) {
    super(region);
    this.#clock = clock;
  }

  get waits(): Stats['lockStall'] {
    return this.#waits.figures;
  }

  override tryAcquire(): boolean {
    const isHeld = super.tryAcquire();
    if (!isHeld) {
      this.#since ??= this.#clock.monotonic();
    } else if (this.#since !== undefined) {
      this.#waits.add(this.#clock.monotonic() - this.#since);
      this.#since = undefined;
    }
    return isHeld;
  }
}
