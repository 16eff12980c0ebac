import type { Clock } from '../../base/clock.ts';

/** Pauses before the second, third … try in a row, in ms; the first follows at once, and the last pause holds for all later ones. */
const PAUSES_MS = [0, 100, 200, 400, 800, 1600, 3200, 5000] as const;

/**
 * One of the workers that were asked for.
 *
 * `vacant`: no thread has it; it waits for its turn or for the next try. `loading`: a thread boots and loads the module for it.
 * `serving`: its thread has loaded the module.
 */
export class Place {
  state: 'vacant' | 'loading' | 'serving' = 'vacant';
  /** The last try to fill it came to nothing. */
  isMissing = false;
  /** Its last thread ended before it had run anything: loading again proves nothing. */
  endedUnused = false;
}

/** Workers that are missing, and why the last try to get one came to nothing, for a person. */
export interface Shortage {
  readonly missing: number;
  readonly why: string;
}

export interface SupplyOptions {
  /** How many workers are to serve. */
  readonly workers: number;
  /** How many may load the module at once. */
  readonly loadsAtOnce: number;
  /** After this time without any worker, in ms, what waits is refused. */
  readonly unavailableMs: number;
  readonly clock: Clock;
}

export interface SupplyEvents {
  /**
   * Starts a thread for a place that is `loading` from now on. Its outcome comes by {@link WorkerSupply.loaded} or
   * {@link WorkerSupply.failed}, perhaps within this call.
   */
  onTurn(place: Place): void;
  /** Whether there is room for one more thread now. Where there is none, {@link WorkerSupply.fill} is to be called when there is. */
  hasRoom(): boolean;
  /** Capacity is lost: told once, until it is back. */
  onShort(shortage: Shortage): void;
  /** All workers serve again, after a shortage was told. */
  onFull(): void;
  /** No worker could be had for `unavailableMs`: told once, until one is back. */
  onNone(why: string): void;
  /** The first loads, as many as go on at once, have all run and failed. */
  onBadModule(why: string): void;
}

/** How a try came to nothing. */
export interface Failure {
  /** For a person. */
  readonly why: string;
  /** The module began to load. A thread that could not start says nothing of the module. */
  readonly hasRun: boolean;
}

/**
 * Keeps as many workers as were asked for, whatever happens to their threads: the one policy of when a thread is started.
 *
 *     vacant ── its turn ──► loading ── loaded ──► serving
 *        ▲                      │ failed              │ its thread ends
 *        └──────────────────────┴─────────────────────┘
 *
 * A thread that ends is replaced at once. A try that fails is repeated at once, and then with growing pauses, for the life of the
 * process; while tries fail there is one at a time, because what failed once most likely fails for all places alike. Knows no thread:
 * the pool starts them.
 */
export class WorkerSupply {
  readonly #options: SupplyOptions;
  readonly #events: SupplyEvents;
  readonly #places: readonly Place[];
  /** Tries in a row that came to nothing. */
  #failures = 0;
  #why = '';
  #isShort = false;
  #hasServed = false;
  #firstLoadsFailed = 0;
  /** Since when no worker serves, by the monotonic clock; `undefined`: one does. */
  #noneSince: number | undefined;
  #unavailable: string | undefined;
  /** `undefined`: no pause is under way. */
  #cancelRetry: (() => void) | undefined;
  #cancelNone = (): void => {};
  #isStopped = false;

  constructor(options: SupplyOptions, events: SupplyEvents) {
    this.#options = options;
    this.#events = events;
    this.#places = Array.from({ length: options.workers }, () => new Place());
    this.#noneServes();
  }

  /** Why calls are refused: no worker could be had for so long. `undefined`: they may wait. */
  get unavailable(): string | undefined {
    return this.#unavailable;
  }

  /** `undefined`: no worker is missing, apart from those that load for the first time or in place of one that has ended. */
  get shortage(): Shortage | undefined {
    return this.#isShort ? { missing: this.#missing, why: this.#why } : undefined;
  }

  /** Gives their turn to the places that may have it. To be called when there may be room for a thread again. */
  fill(): void {
    for (;;) {
      const place = this.#next();
      if (place === undefined || !this.#events.hasRoom()) return;
      place.state = 'loading';
      this.#events.onTurn(place);
    }
  }

  /** The place's thread has loaded the module. */
  loaded(place: Place): void {
    place.state = 'serving';
    place.isMissing = false;
    if (!place.endedUnused) this.#retryNow();
    this.#hasServed = true;
    this.#noneSince = undefined;
    this.#unavailable = undefined;
    this.#cancelNone();
    if (this.#isShort && this.#count('serving') === this.#places.length) {
      this.#isShort = false;
      this.#events.onFull();
    }
    // Loads that failed before the first one succeeded were not told: they might have been the end.
    this.#tellShort();
    this.fill();
  }

  /** The try to fill a place came to nothing. */
  failed(place: Place, { why, hasRun }: Failure): void {
    place.state = 'vacant';
    place.isMissing = true;
    this.#why = why;
    if (!this.#hasServed && hasRun && ++this.#firstLoadsFailed >= this.#atOnce)
      return this.#events.onBadModule(why);
    this.#retryLater();
    if (this.#hasServed || !hasRun) this.#tellShort();
    this.#checkNone();
  }

  /** The thread of a serving place ends, or is told to. @param hasRun whether it has run any handler */
  ended(place: Place, how: string, hasRun: boolean): void {
    place.endedUnused = !hasRun;
    if (this.#count('serving') === 1) this.#noneServes();
    // A thread that dies of what its module left behind would be replaced without end, as fast as it loads.
    if (!hasRun) return this.failed(place, { why: how, hasRun: true });
    place.state = 'vacant';
    this.#retryNow();
    this.fill();
  }

  /** The process ends: nobody is replaced any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry?.();
    this.#cancelNone();
  }

  get #atOnce(): number {
    return Math.min(this.#options.loadsAtOnce, this.#places.length);
  }

  get #missing(): number {
    let missing = 0;
    for (const { isMissing } of this.#places) if (isMissing) missing++;
    return missing;
  }

  #count(state: Place['state']): number {
    let count = 0;
    for (const place of this.#places) if (place.state === state) count++;
    return count;
  }

  /** The place whose turn it is. */
  #next(): Place | undefined {
    if (this.#isStopped || this.#cancelRetry !== undefined) return undefined;
    if (this.#count('loading') >= (this.#failures === 0 ? this.#atOnce : 1)) return undefined;
    // One that was never tried goes ahead of those that failed.
    const vacant = this.#places.filter(({ state }) => state === 'vacant');
    return vacant.find(({ isMissing }) => !isMissing) ?? vacant[0];
  }

  #retryNow(): void {
    this.#failures = 0;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  #retryLater(): void {
    const pause = PAUSES_MS[Math.min(this.#failures++, PAUSES_MS.length - 1)] ?? 0;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(pause, () => {
      this.#cancelRetry = undefined;
      this.fill();
    });
  }

  #tellShort(): void {
    const missing = this.#missing;
    if (this.#isShort || missing === 0) return;
    this.#isShort = true;
    this.#events.onShort({ missing, why: this.#why });
  }

  #noneServes(): void {
    const { clock, unavailableMs } = this.#options;
    this.#noneSince = clock.monotonic();
    this.#cancelNone = clock.after(unavailableMs, () => this.#checkNone());
  }

  /** A load that is under way and has not failed yet may take longer than the time: calls wait for it. */
  #checkNone(): void {
    const { clock, unavailableMs } = this.#options;
    if (this.#noneSince === undefined || this.#unavailable !== undefined || this.#failures === 0) return;
    if (clock.monotonic() - this.#noneSince < unavailableMs) return;
    this.#unavailable = this.#why;
    this.#events.onNone(this.#why);
  }
}
