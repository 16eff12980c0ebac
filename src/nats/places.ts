import type { Clock } from '../base/clock.ts';
import { randomId } from './subjects.ts';
import type { SessionTimes } from './session-times.ts';

/** Promises whose place was given up and that are still honoured: more are forgotten, the oldest first. */
const MAX_LATE = 10_000;

/**
 * The places of a node: how many streams and requests it may have at once, and who was promised one.
 *
 *     free ──promise──► held ──claim──► claimed ──use──► live ──end──► free
 *                       held ──holdMs──► late: the place is free again, and its claim still good for lateMs
 *
 * Nothing is started before its claim, and each promise can be claimed once, so nothing is ever started twice.
 */
export class Places {
  /** Streams and requests at once; 0 until the module has said how many it can have. */
  capacity = 0;
  /** Streams and requests so far. */
  taken = 0;
  readonly #clock: Clock;
  readonly #times: SessionTimes;
  readonly #onChange: () => void;
  /** For each promise, the function that stops its clock. */
  readonly #held = new Map<string, () => void>();
  readonly #late = new Map<string, () => void>();
  #claimed = 0;
  #live = 0;

  /** @param onChange called when a place has become free, or is none any more */
  constructor(clock: Clock, times: SessionTimes, onChange: () => void) {
    this.#clock = clock;
    this.#times = times;
    this.#onChange = onChange;
  }

  /** Below 0 where late claims have come. */
  get free(): number {
    return this.capacity - this.#held.size - this.#claimed - this.#live;
  }

  get held(): number {
    return this.#held.size + this.#claimed;
  }

  get live(): number {
    return this.#live;
  }

  /** A new promise: the text that claims it. */
  promise(): string {
    const place = randomId();
    this.#held.set(
      place,
      this.#clock.after(this.#times.holdMs, () => this.#expire(place)),
    );
    this.#onChange();
    return place;
  }

  /** Somebody comes for a promised place. False: it was never promised, is claimed already, or is long forgotten. */
  claim(place: string): boolean {
    const stop = this.#held.get(place) ?? this.#late.get(place);
    if (stop === undefined) return false;
    stop();
    this.#held.delete(place);
    this.#late.delete(place);
    this.#claimed += 1;
    this.#onChange();
    return true;
  }

  /** A promise isn't needed, or the session that has claimed it is over. */
  decline(place: string): void {
    this.#held.get(place)?.();
    if (this.#held.delete(place)) this.#onChange();
  }

  /** A stream or request takes a claimed place. */
  use(): void {
    this.#claimed -= 1;
    this.#live += 1;
    this.taken += 1;
  }

  /** A claimed place will not be used. */
  unclaim(count: number): void {
    this.#claimed -= count;
    if (count > 0) this.#onChange();
  }

  /** A stream or request is over. */
  end(): void {
    this.#live -= 1;
    this.#onChange();
  }

  /** Nothing is promised any more. */
  close(): void {
    for (const stop of [...this.#held.values(), ...this.#late.values()]) stop();
    this.#held.clear();
    this.#late.clear();
  }

  #expire(place: string): void {
    this.#held.delete(place);
    this.#late.set(
      place,
      this.#clock.after(this.#times.lateMs, () => this.#late.delete(place)),
    );
    const [oldest] = this.#late.keys();
    if (this.#late.size > MAX_LATE && oldest !== undefined) {
      this.#late.get(oldest)?.();
      this.#late.delete(oldest);
    }
    this.#onChange();
  }
}
