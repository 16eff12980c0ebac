import type { ErrorCode } from '../../src/errors.ts';
import type { LiveEvent, StreamLiveEvent } from '../../src/live/events.ts';

/** The activity of a stream: it waits for a worker, its handler runs, a send waits, or it was told to end. */
export type BarState = 'queued' | 'running' | 'credit' | 'ring' | 'stopping';

/** One stream, as a bar in the lane of its worker. Times are ms since the epoch. */
export interface Bar {
  readonly id: string;
  readonly method: string;
  readonly opened: number;
  started: number | undefined;
  ended: number | undefined;
  code: 'close' | ErrorCode | undefined;
  message: string;
  /** N of `ixt-worker-N`; undefined while it waits. */
  worker: number | undefined;
  /** The row in the lane, where a worker runs several streams. */
  row: number;
  /** From its start on. */
  readonly parts: { readonly state: BarState; readonly from: number }[];
}

/** One worker thread. */
export interface Lane {
  readonly worker: number;
  isReady: boolean;
  /** By their start. */
  bars: Bar[];
  /** The stream that runs in each row now. */
  readonly rows: (Bar | undefined)[];
  /** Ends of the thread. */
  exits: { readonly at: number; readonly how: string }[];
}

/** How long what has ended can still be seen, in ms. */
export const KEPT_MS = 120_000;
/** Bars of one lane that are kept. */
const MAX_BARS = 20_000;
/** Rows of a lane: further streams lie on the last. */
export const MAX_ROWS = 8;

/** The streams of a module by worker, made of its live events. It knows no clock and no screen. */
export class LaneModel {
  readonly lanes = new Map<number, Lane>();
  /** Opens that waited for a worker, whenever their number changed. */
  queue: { readonly at: number; readonly waiting: number }[] = [];
  /** Streams that ended without a worker. */
  refused: Bar[] = [];
  unseenStreams = 0;
  readonly #live = new Map<string, Bar>();
  /** The last that ended, for the message that comes behind the end. */
  #ended = new Map<string, Bar>();
  #waiting = 0;

  get waiting(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#live.size - this.#waiting;
  }

  take(event: LiveEvent): void {
    switch (event.kind) {
      case 'hello':
        this.#clear();
        for (let worker = 0; worker < event.workers; worker++) this.#lane(worker);
        break;
      case 'workerReady':
        this.#lane(event.worker).isReady = true;
        break;
      case 'workerExit': {
        const lane = this.#lane(event.worker);
        lane.isReady = false;
        if (event.asleep !== true) lane.exits.push({ at: event.at, how: event.how ?? '' });
        break;
      }
      case 'figures':
        this.unseenStreams = event.unseenStreams;
        break;
      case 'files':
      case 'short':
        break;
      default:
        this.#takeStream(event);
    }
  }

  /** Forgets what ended before `now` by more than {@link KEPT_MS}. */
  prune(now: number): void {
    const limit = now - KEPT_MS;
    const isKept = (bar: Bar): boolean => bar.ended === undefined || bar.ended > limit;
    for (const lane of this.lanes.values()) {
      // They are by their start: where the first is kept, a look at the others is not worth it.
      const [first] = lane.bars;
      if (first !== undefined && !isKept(first)) lane.bars = lane.bars.filter(isKept);
      if (lane.bars.length > MAX_BARS) lane.bars = lane.bars.slice(-MAX_BARS);
      lane.exits = lane.exits.filter(({ at }) => at > limit);
    }
    const firstKept = this.queue.findIndex(({ at }) => at > limit);
    // The last one before the limit says how many waited at it.
    if (firstKept > 1) this.queue = this.queue.slice(firstKept - 1);
    this.refused = this.refused.filter(isKept).slice(-MAX_BARS);
    if (this.#ended.size > MAX_BARS) this.#ended = new Map([...this.#ended].slice(-1000));
  }

  #takeStream(event: StreamLiveEvent): void {
    if (event.kind === 'open') {
      const { id, method, at } = event;
      this.#live.set(id, {
        id,
        method,
        opened: at,
        started: undefined,
        ended: undefined,
        code: undefined,
        message: '',
        worker: undefined,
        row: 0,
        parts: [],
      });
      this.#setWaiting(at, this.#waiting + 1);
      return;
    }
    const bar = this.#live.get(event.id);
    if (event.kind === 'handled') {
      const handled = bar ?? this.#ended.get(event.id);
      if (handled?.message === '') handled.message = event.message;
      return;
    }
    if (bar === undefined) return;
    switch (event.kind) {
      case 'start':
        this.#start(bar, event.worker, event.at);
        break;
      case 'stall':
        bar.parts.push({ state: event.on, from: event.at });
        break;
      case 'resume':
        bar.parts.push({ state: 'running', from: event.at });
        break;
      case 'stop':
        bar.message = event.reason;
        if (bar.started !== undefined) bar.parts.push({ state: 'stopping', from: event.at });
        break;
      case 'end':
        this.#end(bar, event.at, event.code, event.message);
    }
  }

  #start(bar: Bar, worker: number, at: number): void {
    const lane = this.#lane(worker);
    bar.worker = worker;
    bar.started = at;
    bar.parts.push({ state: 'running', from: at });
    const free = lane.rows.findIndex((running) => running === undefined);
    bar.row = free >= 0 ? free : Math.min(lane.rows.length, MAX_ROWS - 1);
    lane.rows[bar.row] = bar;
    lane.bars.push(bar);
    this.#setWaiting(at, this.#waiting - 1);
  }

  #end(bar: Bar, at: number, code: 'close' | ErrorCode, message: string): void {
    bar.ended = at;
    bar.code = code;
    if (message !== '') bar.message = message;
    this.#live.delete(bar.id);
    this.#ended.delete(bar.id);
    this.#ended.set(bar.id, bar);
    if (bar.worker === undefined) {
      this.refused.push(bar);
      this.#setWaiting(at, this.#waiting - 1);
      return;
    }
    const { rows } = this.#lane(bar.worker);
    if (rows[bar.row] === bar) rows[bar.row] = undefined;
  }

  #lane(worker: number): Lane {
    let lane = this.lanes.get(worker);
    if (lane === undefined) {
      lane = { worker, isReady: false, bars: [], rows: [], exits: [] };
      this.lanes.set(worker, lane);
    }
    return lane;
  }

  #setWaiting(at: number, waiting: number): void {
    this.#waiting = waiting;
    this.queue.push({ at, waiting });
  }

  #clear(): void {
    this.lanes.clear();
    this.#live.clear();
    this.#ended.clear();
    this.queue = [];
    this.refused = [];
    this.#waiting = 0;
    this.unseenStreams = 0;
  }
}
