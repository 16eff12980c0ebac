import type { Clock } from '../base/clock.ts';

interface Timer {
  readonly at: number;
  readonly ms: number;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it. */
export class TestClock implements Clock {
  #now: number;
  /** How far the time of day has been set away from the time that has passed, in ms. */
  #dayOffset = 0;
  #timers: Timer[] = [];

  /** @param now milliseconds since the epoch */
  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now + this.#dayOffset;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#now + ms, ms, action };
    this.#timers.push(timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /** Sets the time of day, by so many ms: no time passes, and no timer goes off. */
  setDay(ms: number): void {
    this.#dayOffset += ms;
  }

  get pending(): number {
    return this.#timers.length;
  }

  /** Delays of the timers that run, in ms, in the order in which they were set. */
  get delays(): number[] {
    return this.#timers.map(({ ms }) => ms);
  }

  /** Lets the timer at `index` of those that run go off, whatever the time. @throws Error where none has that index */
  fire(index: number): void {
    const [timer] = this.#timers.splice(index, 1);
    if (timer === undefined) throw new Error(`no timer ${index} runs`);
    timer.action();
  }

  /** Lets `ms` pass. What is due goes off, each timer at its own time; so do the timers that it sets. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers)
        if (timer.at <= end && timer.at < (next?.at ?? Infinity)) next = timer;
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.fire(this.#timers.indexOf(next));
    }
    this.#now = end;
  }
}
