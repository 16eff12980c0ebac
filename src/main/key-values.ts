import { OP } from '../thread-messages.ts';
import { decodeKvChange } from '../wire/cold-decode.ts';
import { logLine } from '../stderr.ts';
import type { PoolWorker } from './pool-worker.ts';

interface Change {
  readonly key: string;
  readonly payload: Uint8Array;
}

/**
 * What a worker may have in its port at once: changes, and bytes of them (one change may be larger). The rest waits
 * here, where it can be coalesced.
 */
const MAX_IN_FLIGHT = 64;
const MAX_BYTES_IN_FLIGHT = 1 << 20;

interface Limits {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/**
 * Key-value changes on their way to every worker's copy of the module, in order.
 *
 * A worker that computes takes nothing, so changes for it wait here. A worker that starts later gets what came before
 * it, so that every handler has seen every change that the host wrote before its Open. Beyond the limits only the last
 * change of a key is kept.
 */
export class KeyValues {
  readonly #limits: Limits;
  readonly #history: ChangeList;
  readonly #waiting = new Map<PoolWorker, ChangeList>();

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#history = new ChangeList(limits);
  }

  /** @throws MalformedError for a payload that is no KvChange */
  onChange(payload: Uint8Array): void {
    const change: Change = { key: decodeKvChange(payload).key, payload: payload.slice() };
    this.#history.push(change);
    for (const [worker, waiting] of this.#waiting) {
      waiting.push(change);
      this.#post(worker, MAX_IN_FLIGHT);
    }
  }

  /** A new copy of the module begins. */
  add(worker: PoolWorker): void {
    this.#waiting.set(worker, new ChangeList(this.#limits, this.#history));
  }

  forget(worker: PoolWorker): void {
    this.#waiting.delete(worker);
  }

  /** The worker has just loaded its copy. */
  flush(worker: PoolWorker): void {
    this.#post(worker, MAX_IN_FLIGHT);
    worker.flush();
  }

  /** The module of a worker has seen a change of so many bytes. */
  onDone(worker: PoolWorker, bytes: number): void {
    worker.kvInFlight--;
    worker.kvBytesInFlight -= bytes;
    this.flush(worker);
  }

  /** Everything that waits for a worker goes ahead of the job that it gets now. */
  flushBefore(worker: PoolWorker): void {
    this.#post(worker, Infinity);
  }

  #post(worker: PoolWorker, maxInFlight: number): void {
    const waiting = this.#waiting.get(worker);
    if (waiting === undefined || worker.phase !== 'ready') return;
    const isLimited = maxInFlight !== Infinity;
    while (worker.kvInFlight < maxInFlight && !(isLimited && worker.kvBytesInFlight >= MAX_BYTES_IN_FLIGHT)) {
      const change = waiting.shift();
      if (change === undefined) return;
      worker.kvInFlight++;
      worker.kvBytesInFlight += change.payload.length;
      worker.post(OP.kv, 0, change.payload);
    }
  }
}

/** Changes in order, within the limits: beyond them, the last of each key. */
class ChangeList {
  readonly #limits: Limits;
  #changes: Change[];
  #bytes: number;
  /** Coalescing pays only when the list may have doubled since it last helped. */
  #coalesceAt: number;

  constructor(limits: Limits, from?: ChangeList) {
    this.#limits = limits;
    this.#changes = [];
    this.#bytes = 0;
    this.#coalesceAt = limits.maxWaiting;
    if (from === undefined) return;
    this.#changes = [...from.#changes];
    this.#bytes = from.#bytes;
    this.#coalesceAt = from.#coalesceAt;
  }

  push(change: Change): void {
    this.#changes.push(change);
    this.#bytes += change.payload.length;
    if (this.#changes.length > this.#coalesceAt || this.#bytes > this.#limits.maxWaitingBytes)
      this.#coalesce();
  }

  shift(): Change | undefined {
    const change = this.#changes.shift();
    this.#bytes -= change?.payload.length ?? 0;
    return change;
  }

  #coalesce(): void {
    const last = new Map<string, Change>();
    for (const change of this.#changes) {
      // A key's place is that of its last change.
      last.delete(change.key);
      last.set(change.key, change);
    }
    this.#changes = [...last.values()];
    this.#bytes = this.#changes.reduce((sum, { payload }) => sum + payload.length, 0);
    if (this.#bytes > this.#limits.maxWaitingBytes) {
      let dropped = 0;
      // Down to half, so that a host above the limit doesn't bring the whole list under review with every change.
      for (; this.#bytes > this.#limits.maxWaitingBytes / 2; dropped++) this.shift();
      logLine(`${dropped} key-value changes were dropped: their keys hold more bytes than the limit allows`);
    }
    this.#coalesceAt = Math.max(this.#limits.maxWaiting, this.#changes.length * 2);
  }
}
