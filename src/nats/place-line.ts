import { ModuleError } from '../errors.ts';
import type { Grant } from './grant.ts';
import type { SessionTimes } from './session-times.ts';

/** Asks of one line on the way at once. */
const MAX_ASKS = 64;

/** A stream or request that waits for a node. */
export interface Waiting {
  /** A node has promised it a place. @param roundTripMs how long the ask and its answer took */
  place(grant: Grant, roundTripMs: number): void;
  /** There will be none. */
  fail(error: ModuleError): void;
}

export interface PlaceLineEvents {
  /** Publishes an ask; its answer, or the server's word that nobody listens, comes with the same number. */
  ask(number: number): void;
  /** A number that was never used. */
  nextAsk(): number;
  /** Milliseconds since some moment. */
  now(): number;
  /** Between 0 and 1, for the back-off. */
  random(): number;
  /** @returns what cancels the timer */
  after(ms: number, action: () => void): () => void;
  /** False while there is no server to ask. */
  readonly isUp: boolean;
}

/**
 * Streams that wait for a place, in the order in which they came, and the asks for them.
 *
 * Each that waits is asked for once at a time. After an answer that there is no room one ask is made at a time, with pauses that
 * grow, since a full line would otherwise ask dozens of times for each stream; each success doubles the number.
 *
 * A place that has become free is worth an ask of its own, whatever is on the way: what was asked before says nothing of it.
 */
export class PlaceLine {
  readonly #events: PlaceLineEvents;
  readonly #times: SessionTimes;
  readonly #waiting = new Map<Waiting, number>();
  /** When each ask was made. */
  readonly #asks = new Map<number, number>();
  #allowed = MAX_ASKS;
  /** Places that have probably become free since the last ask. */
  #freed = 0;
  #pauseMs: number;
  #cancelPause: (() => void) | undefined;
  /** Since when the server says that nobody listens; undefined: it doesn't. */
  #refusedSince: number | undefined;

  constructor(events: PlaceLineEvents, times: SessionTimes) {
    this.#events = events;
    this.#times = times;
    [this.#pauseMs] = times.backOffMs;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#asks.size === 0;
  }

  /** For how long the server has said that nobody listens, in ms. */
  get refusedForMs(): number {
    return this.#refusedSince === undefined ? 0 : this.#events.now() - this.#refusedSince;
  }

  has(ask: number): boolean {
    return this.#asks.has(ask);
  }

  add(waiting: Waiting): void {
    // What became free while nobody waited is free for others as well by now.
    if (this.#waiting.size === 0) this.#freed = 0;
    this.#waiting.set(waiting, this.#events.now());
    this.#pump();
  }

  /** It has been cancelled, or its deadline has passed. */
  remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /** A place was promised, perhaps long after it was asked for. False: nothing waits any more. */
  granted(ask: number, grant: Grant): boolean {
    const askedAt = this.#asks.get(ask);
    this.#asks.delete(ask);
    this.#allowed = Math.min(MAX_ASKS, 2 * this.#allowed);
    [this.#pauseMs] = this.#times.backOffMs;
    this.#refusedSince = undefined;
    const [first] = this.#waiting.keys();
    if (first !== undefined) {
      this.#waiting.delete(first);
      const now = this.#events.now();
      first.place(grant, askedAt === undefined ? Infinity : now - askedAt);
    }
    this.#pump();
    return first !== undefined;
  }

  /** There is no room. @param isNobody the server's word: nobody with room listens */
  refused(ask: number, isNobody: boolean): void {
    if (!this.#asks.delete(ask)) return;
    if (isNobody) this.#refusedSince ??= this.#events.now();
    else this.#refusedSince = undefined;
    this.#allowed = 1;
    if (this.#freed > 0) return this.#pump();
    if (this.#cancelPause !== undefined) return;
    const pause = this.#pauseMs * (0.5 + this.#events.random());
    this.#pauseMs = Math.min(this.#times.backOffMs[1], 2 * this.#pauseMs);
    this.#cancelPause = this.#events.after(pause, () => {
      this.#cancelPause = undefined;
      this.#pump();
    });
  }

  /** A place has probably become free. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    this.#freed = Math.min(this.#freed + 1, this.#waiting.size);
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#pump();
  }

  /** Looks for asks that were lost, and for what has waited too long. */
  tick(): void {
    const now = this.#events.now();
    for (const [ask, askedAt] of this.#asks) {
      if (now - askedAt >= this.#times.askMs) this.#asks.delete(ask);
    }
    for (const [waiting, since] of this.#waiting) {
      if (now - since < this.#times.placeMs) break;
      this.#waiting.delete(waiting);
      const message = `No node had a place within ${this.#times.placeMs} ms.`;
      waiting.fail(new ModuleError('resourceExhausted', message));
    }
    this.#pump();
  }

  /** Nobody will ever have a place for what waits now. */
  failAll(makeError: () => ModuleError): void {
    const all = [...this.#waiting.keys()];
    this.#waiting.clear();
    this.#asks.clear();
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    for (const waiting of all) waiting.fail(makeError());
  }

  #pump(): void {
    if (!this.#events.isUp || this.#cancelPause !== undefined) return;
    while (this.#asks.size < this.#waiting.size && (this.#asks.size < this.#allowed || this.#freed > 0)) {
      this.#freed = Math.max(0, this.#freed - 1);
      const number = this.#events.nextAsk();
      this.#asks.set(number, this.#events.now());
      this.#events.ask(number);
    }
  }
}
