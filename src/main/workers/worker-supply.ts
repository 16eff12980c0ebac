import type { Clock } from '../../base/clock.ts';

/** Pauses before the second, third … try in a row, in ms; the first follows at once, and the last pause holds for all later ones. */
const PAUSES_MS = [0, 100, 200, 400, 800, 1600, 3200, 5000] as const;

/**
 * One of the workers that were asked for.
 *
 * `vacant`: it has no thread, and waits for its turn or for the next try. `loading`: a thread boots and loads the module for it.
 * `serving`: its thread has loaded the module.
 */
export class Place {
  state: 'vacant' | 'loading' | 'serving' = 'vacant';
  /** Whether the last try to fill it has failed. */
  isMissing = false;
  /** Whether its last thread ended before it had run any handler. Then a successful load does not end the series of failures. */
  endedUnused = false;
}

/** The number of missing workers, and the reason why the last try to start one failed, for a person. */
export interface Shortage {
  readonly missing: number;
  readonly why: string;
}

export interface SupplyOptions {
  /** Number of workers that are to serve. */
  readonly workers: number;
  /** Number of workers that may load the module at once. */
  readonly loadsAtOnce: number;
  /** Time without any worker after which waiting calls are refused, in ms. */
  readonly unavailableMs: number;
  readonly clock: Clock;
}

export interface SupplyEvents {
  /**
   * Starts a thread for a place, which is `loading` from now on. The pool reports the outcome by {@link WorkerSupply.loaded} or
   * {@link WorkerSupply.failed}, perhaps within this call.
   */
  onTurn(place: Place): void;
  /** Whether there is room for one more thread now. If not, {@link WorkerSupply.fill} must be called when there is. */
  hasRoom(): boolean;
  /** Workers are missing. It is called once for each shortage. */
  onShort(shortage: Shortage): void;
  /** All workers serve again. It is called only after {@link onShort}. */
  onFull(): void;
  /** No worker has served for `unavailableMs`. It is called once, until a worker serves again. */
  onNone(why: string): void;
  /** The first loads, which run at the same time, have all failed, and in each the module had begun to load. */
  onBadModule(why: string): void;
}

/** The failure of a try to fill a place. */
export interface Failure {
  /** For a person. */
  readonly why: string;
  /** Whether the module began to load. A thread that could not start tells nothing about the module. */
  readonly hasRun: boolean;
}

/**
 * Keeps as many workers as were asked for, whatever happens to their threads. Only this class decides when a thread is started.
 *
 *     vacant ── its turn ──► loading ── loaded ──► serving
 *        ▲                      │ failed              │ its thread ends
 *        └──────────────────────┴─────────────────────┘
 *
 * A thread that ends is replaced at once. A try that fails is repeated at once, and then with growing pauses, as long as the
 * process lives. While tries fail there is only one at a time, because a failure most likely has the same reason for all places. It
 * knows no threads; the pool starts them.
 */
export class WorkerSupply {
  readonly #options: SupplyOptions;
  readonly #events: SupplyEvents;
  readonly #places: readonly Place[];
  /** Number of failed tries in a row. */
  #failures = 0;
  #why = '';
  #isShort = false;
  #hasServed = false;
  #firstLoadsFailed = 0;
  /** The time since which no worker serves, in ms of the monotonic clock; `undefined` while one serves. */
  #noneSince: number | undefined;
  #unavailable: string | undefined;
  /** Cancels the pause before the next try; `undefined` if there is none. */
  #cancelRetry: (() => void) | undefined;
  #cancelNone = (): void => {};
  #isStopped = false;

  constructor(options: SupplyOptions, events: SupplyEvents) {
    this.#options = options;
    this.#events = events;
    this.#places = Array.from({ length: options.workers }, () => new Place());
    this.#noneServes();
  }

  /** The reason why calls are refused, because no worker has served for too long; `undefined` while calls may wait. */
  get unavailable(): string | undefined {
    return this.#unavailable;
  }

  /**
   * The present shortage. `undefined` if no worker is missing; workers that load for the first time, or to replace one that has
   * ended, don't count as missing.
   */
  get shortage(): Shortage | undefined {
    return this.#isShort ? { missing: this.#missing, why: this.#why } : undefined;
  }

  /** Gives their turn to as many places as may load now. It must be called when there may be room for a thread again. */
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
    // Loads that failed before the first success were not told as a shortage, because the process might have ended for them.
    this.#tellShort();
    this.fill();
  }

  /** The try to fill a place has failed. */
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

  /** The thread of a serving place has ended or is being ended. @param hasRun whether it has run any handler */
  ended(place: Place, how: string, hasRun: boolean): void {
    place.endedUnused = !hasRun;
    if (this.#count('serving') === 1) this.#noneServes();
    // It counts as a failed try, with its pauses, because a thread that dies of something that its module began would otherwise be
    // replaced without end, as fast as it loads.
    if (!hasRun) return this.failed(place, { why: how, hasRun: true });
    place.state = 'vacant';
    this.#retryNow();
    this.fill();
  }

  /** The process ends, so no worker is replaced any more. */
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
    // A place that was never tried goes before those that failed.
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

  /**
   * Tells when no worker has served for too long. A load that is under way and has not failed before may take longer than that, and
   * calls wait for it.
   */
  #checkNone(): void {
    const { clock, unavailableMs } = this.#options;
    if (this.#noneSince === undefined || this.#unavailable !== undefined || this.#failures === 0) return;
    if (clock.monotonic() - this.#noneSince < unavailableMs) return;
    this.#unavailable = this.#why;
    this.#events.onNone(this.#why);
  }
}
