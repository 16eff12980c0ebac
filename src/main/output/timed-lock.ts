import { MainWriteLock } from '../../shared-memory/write-lock.ts';
import type { Region, SlotNumber } from '../../shared-memory/region.ts';
import type { Stats } from '../../base/stats.ts';
import { DurationCount } from '../../base/durations.ts';
import type { Clock } from '../../base/clock.ts';

/**
 * A healthy holder keeps the lock for at most four rounds of non-blocking writes. If main failed to get it from the same holder at
 * so many looks in a row, one a second, the holder was stopped inside its section and does not come back to it. We count looks and
 * not seconds, since a process that was suspended (SIGSTOP) has lost no holder.
 */
const LOOKS = 4;

/** Main's lock, which also measures the time that main waited for it. If the lock is free, nothing is measured. */
export class TimedLock extends MainWriteLock {
  readonly #clock: Clock;
  readonly #waits = new DurationCount();
  #since: number | undefined;
  #looks = 0;

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
      this.#looks = 0;
    }
    return isHeld;
  }

  /** Called once a second. @returns the slot of a worker that must be ended, since it keeps the lock from everybody */
  lookForStuckHolder(): SlotNumber | undefined {
    if (this.#since === undefined || ++this.#looks < LOOKS) return undefined;
    return this.holder;
  }
}
