import type { Clock } from '../../base/clock.ts';

/** Pauses before the second, third … try in a row, in ms; the first follows at once, and the last pause holds for all later ones. */
const PAUSES_MS = [0, 100, 200, 400, 800, 1600, 3200, 5000] as const;

/**
 * Time between two workers that are put to sleep, in ms. A thread has about as long to end, so that few of those that end hold slots
 * at once, and a call that comes now can wake a worker without a wait for one of these.
 */
const SLEEPS_APART_MS = 1000;

/**
 * One of the workers that were asked for.
 *
 * `asleep`: it has no thread, because there is nothing to do for one. `vacant`: it has no thread, and waits for its turn or for the
 * next try. `loading`: a thread boots and loads the module for it. `serving`: its thread has loaded the module.
 */
export class Place {
  state: 'asleep' | 'vacant' | 'loading' | 'serving' = 'vacant';
  /** Whether it was asleep, and a thread for it is on its way that has not failed. */
  isWaking = false;
  /** The time since which its worker has had nothing to do, in ms of the monotonic clock; `undefined` while it has. */
  idleSince: number | undefined;
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
  /** Number of workers that were asked for. */
  readonly workers: number;
  /** Number of those that never sleep; more than {@link workers}: all. */
  readonly minWorkers: number;
  /** Time without anything to do after which one of the others is put to sleep, in ms. */
  readonly idleMs: number;
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
  /**
   * A worker has had nothing to do for so long that it may sleep. The pool ends its thread and calls {@link WorkerSupply.slept}
   * first, or {@link WorkerSupply.rests} if there is something to do after all, both within this call.
   */
  onIdle(place: Place): void;
  /** Whether there is room for one more thread now. If not, {@link WorkerSupply.fill} must be called when there is. */
  hasRoom(): boolean;
  /** Workers are missing. It is called once for each shortage. */
  onShort(shortage: Shortage): void;
  /** All workers serve again, or sleep. It is called only after {@link onShort}. */
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
 *     asleep ◄──────────── nothing to do for idleMs ──┐
 *        │ calls wait                                 │
 *        ▼                                            │
 *     vacant ── its turn ──► loading ── loaded ──► serving
 *        ▲                      │ failed              │ its thread ends
 *        └──────────────────────┴─────────────────────┘
 *
 * At the start all places but `minWorkers` are asleep, and there are never fewer that serve because others sleep. A thread that ends
 * by itself is replaced at once. A try that fails is repeated at once, and then with growing pauses, as long as the
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
  /** Cancels the next look at workers that have nothing to do; `undefined` if there is none. */
  #cancelIdle: (() => void) | undefined;
  #isKeptAwake = false;
  #isStopped = false;

  constructor(options: SupplyOptions, events: SupplyEvents) {
    this.#options = options;
    this.#events = events;
    this.#places = Array.from({ length: options.workers }, () => new Place());
    for (const place of this.#places.slice(options.minWorkers)) place.state = 'asleep';
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

  /** Number of workers that sleep: a call wakes them. One that wakes up counts until it serves or its start has failed. */
  get sleeping(): number {
    let sleeping = 0;
    for (const { state, isWaking } of this.#places) if (state === 'asleep' || isWaking) sleeping++;
    return sleeping;
  }

  /**
   * Wakes as many workers as calls wait for, less those that are on their way.
   *
   * @param wanted number of workers that would have something to do at once
   */
  wake(wanted: number): void {
    let more = wanted - this.#count('vacant') - this.#count('loading');
    for (const place of this.#places) {
      if (more <= 0) break;
      if (place.state !== 'asleep') continue;
      place.state = 'vacant';
      place.isWaking = true;
      more--;
    }
    this.fill();
  }

  /** The worker of a place has nothing to do from now on. */
  rests(place: Place): void {
    if (this.#places.length <= this.#options.minWorkers) return;
    place.idleSince = this.#options.clock.monotonic();
    this.#awaitIdle();
  }

  /** The thread of a serving place is being ended, because it has nothing to do. */
  slept(place: Place): void {
    place.state = 'asleep';
    place.endedUnused = false;
  }

  /** From now on no worker is put to sleep, because the module's copies close. */
  keepAwake(): void {
    this.#isKeptAwake = true;
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
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
    place.isMissing = place.isWaking = false;
    if (!place.endedUnused) this.#retryNow();
    this.#hasServed = true;
    this.#noneSince = undefined;
    this.#unavailable = undefined;
    this.#cancelNone();
    if (this.#isShort && this.#count('serving') + this.#count('asleep') === this.#places.length) {
      this.#isShort = false;
      this.#events.onFull();
    }
    // Loads that failed before the first success were not told as a shortage, because the process might have ended for them.
    this.#tellShort();
    this.rests(place);
    this.fill();
  }

  /** The try to fill a place has failed. */
  failed(place: Place, { why, hasRun }: Failure): void {
    place.state = 'vacant';
    place.isMissing = true;
    place.isWaking = false;
    this.#why = why;
    if (!this.#hasServed && hasRun && ++this.#firstLoadsFailed >= this.#firstAtOnce)
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
    this.keepAwake();
    this.#cancelRetry?.();
    this.#cancelNone();
  }

  get #atOnce(): number {
    return Math.min(this.#options.loadsAtOnce, this.#places.length);
  }

  get #firstAtOnce(): number {
    return Math.min(this.#atOnce, this.#options.minWorkers);
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

  /**
   * Sets the time for the next look at workers that have nothing to do, if one of them may sleep then.
   *
   * @param leastMs at least so much time from now on, in ms
   */
  #awaitIdle(leastMs = 0): void {
    if (this.#isKeptAwake || this.#cancelIdle !== undefined) return;
    const { clock, idleMs } = this.#options;
    const { idleSince } = this.#idlest ?? {};
    if (idleSince === undefined) return;
    this.#cancelIdle = clock.after(Math.max(leastMs, idleSince + idleMs - clock.monotonic()), () => {
      this.#cancelIdle = undefined;
      this.#sleepIdle();
    });
  }

  #sleepIdle(): void {
    const { clock, idleMs } = this.#options;
    const idlest = this.#idlest;
    if (idlest?.idleSince === undefined || clock.monotonic() < idlest.idleSince + idleMs)
      return this.#awaitIdle();
    this.#events.onIdle(idlest);
    this.#awaitIdle(SLEEPS_APART_MS);
  }

  /** The place whose worker has had nothing to do for longest; `undefined` if none may sleep. */
  get #idlest(): Place | undefined {
    if (this.#count('serving') <= this.#options.minWorkers) return undefined;
    let idlest: Place | undefined;
    for (const place of this.#places) {
      if (place.state !== 'serving' || place.idleSince === undefined) continue;
      if (idlest?.idleSince === undefined || place.idleSince < idlest.idleSince) idlest = place;
    }
    return idlest;
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
