import { MainWriteLock } from '../../shared-memory/write-lock.ts';
import type { Region, SlotNumber } from '../../shared-memory/region.ts';
import type { Stats } from '../../base/stats.ts';
import { DurationCount } from '../../base/durations.ts';
import type { Clock } from '../../base/clock.ts';

/**
 * A worker holds the lock for as long as four rounds of non-blocking writes take. One that keeps it from main over so many looks,
 * each a second after the other, was cut short in its section and does not come back to it. Looks, and not time: a process that
 * was stopped and goes on has lost none of its holders.
 */
const LOOKS = 4;

/** Main's lock, which also knows how long main waited for it. Where it is free nothing is measured. */
export class WatchedLock extends MainWriteLock {
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

  /** Once a second. @returns the slot of a worker that must be ended, since it keeps the lock from everybody */
  lookForStuckHolder(): SlotNumber | undefined {
    if (this.#since === undefined || ++this.#looks < LOOKS) return undefined;
    return this.holder;
  }
}
