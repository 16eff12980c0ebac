import { OP } from '../../threads/messages.ts';
import { decodeKvChange } from '../../wire/payload-decode.ts';
import { encodeKvChange } from '../../wire/payload-encode.ts';
import { logLine } from '../../base/stderr.ts';
import type { MalformedError } from '../../wire/capnp/malformed.ts';
import type { ModuleCopies } from './module-copies.ts';
import type { PoolWorker } from './pool-worker.ts';

interface Change {
  readonly key: string;
  readonly payload: Uint8Array;
}

/**
 * Limits for the changes that are in a worker's port at once: their number, and below their bytes (a single change may be larger).
 * The rest waits here, where changes of the same key can be merged.
 */
const MAX_IN_FLIGHT = 64;
const MAX_BYTES_IN_FLIGHT = 1 << 20;

/**
 * Bytes that a change costs beside its payload, for the objects that hold it, so that millions of tiny changes are bounded, too.
 */
const CHANGE_BYTES = 256;

interface Limits {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/**
 * Key-value changes on their way to every worker's copy of the module, in order.
 *
 * A worker that computes takes no messages, so changes for it wait here. A worker that starts later gets the earlier changes, too,
 * so that every handler has seen every change that the host wrote before its Open. Above the limits only the latest change of each
 * key is kept.
 */
export class KeyValues {
  readonly #history: ChangeList;
  readonly #copies: ModuleCopies;
  readonly #log: (line: string) => void;
  readonly #waiting = new Map<PoolWorker, ChangeList>();

  /** @param log writes a line for a person */
  constructor(limits: Limits, copies: ModuleCopies, log: (line: string) => void) {
    this.#history = new ChangeList(limits);
    this.#copies = copies;
    this.#log = log;
  }

  /** @throws MalformedError for a payload that can't be read as a KvChange */
  onChange(payload: Uint8Array): void {
    const known = decodeKvChange(payload);
    // Encoded anew, because fields of a newer schema, and bytes that nothing points to, would otherwise be kept for as long as the
    // key.
    const change: Change = { key: known.key, payload: encodeKvChange(known) };
    this.#history.push(change);
    for (const [worker, waiting] of this.#waiting) {
      waiting.push(change);
      this.#post(worker, MAX_IN_FLIGHT);
    }
  }

  /** A change can't be read. It has no request id to answer, so only standard error can tell a person. */
  onMalformed(why: MalformedError): void {
    this.#log(`a key-value change can't be read and is dropped: ${why.message}`);
  }

  /** A worker begins to load a new copy of the module. */
  add(worker: PoolWorker): void {
    this.#waiting.set(worker, this.#history.copy());
  }

  forget(worker: PoolWorker): void {
    this.#waiting.delete(worker);
  }

  /** The worker has just loaded its copy. */
  flush(worker: PoolWorker): void {
    this.#post(worker, MAX_IN_FLIGHT);
    worker.flush();
  }

  /** The module of a worker has handled a change of `bytes` bytes. */
  onDone(worker: PoolWorker, bytes: number): void {
    worker.kvInFlight--;
    worker.kvBytesInFlight -= bytes;
    this.flush(worker);
  }

  /** Sends all changes that wait for a worker, before the job that it gets now. */
  flushBefore(worker: PoolWorker): void {
    this.#post(worker, Infinity);
  }

  #post(worker: PoolWorker, maxInFlight: number): void {
    const waiting = this.#waiting.get(worker);
    if (waiting === undefined || !worker.isServing) return;
    const isLimited = maxInFlight !== Infinity;
    while (worker.kvInFlight < maxInFlight && !(isLimited && worker.kvBytesInFlight >= MAX_BYTES_IN_FLIGHT)) {
      const change = waiting.shift();
      if (change === undefined) return;
      // `onInit` runs before every other handler of a copy.
      this.#copies.begin(worker);
      worker.kvInFlight++;
      worker.kvBytesInFlight += change.payload.length;
      worker.post(OP.kv, 0, change.payload);
    }
  }
}

/** Changes in order. Above the limits it keeps only the latest change of each key, and then drops the oldest keys. */
class ChangeList {
  readonly #limits: Limits;
  /**
   * Each change by a number of its own, or, once the limits were exceeded, by its key. A key's place in the order is that of its
   * latest change.
   */
  readonly #changes = new Map<string | number, Change>();
  /** Kept across calls, because a fresh iterator would skip every deleted slot again, which takes quadratic time. */
  readonly #oldest = this.#changes.entries();
  #bytes = 0;
  #pushed = 0;
  #isByKey = false;
  #hasDropped = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  copy(): ChangeList {
    const copy = new ChangeList(this.#limits);
    for (const change of this.#changes.values()) copy.push(change);
    return copy;
  }

  push(change: Change): void {
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    this.#put(this.#isByKey ? change.key : ++this.#pushed, change);
    if (!this.#isByKey && (this.#changes.size > maxWaiting || this.#bytes > maxWaitingBytes))
      this.#coalesce();
    while (this.#bytes > maxWaitingBytes) {
      this.shift();
      if (!this.#hasDropped)
        logLine('key-value changes are dropped: their keys hold more bytes than the limit allows');
      this.#hasDropped = true;
    }
  }

  shift(): Change | undefined {
    // An iterator that has reached its end stays there, even if entries are added later, so it must not be asked while the map is
    // empty.
    const entry = this.#changes.size === 0 ? undefined : this.#oldest.next().value;
    if (entry === undefined) return undefined;
    const [name, change] = entry;
    this.#delete(name, change);
    if (this.#changes.size === 0) this.#isByKey = this.#hasDropped = false;
    return change;
  }

  #coalesce(): void {
    this.#isByKey = true;
    for (const [name, change] of [...this.#changes]) {
      this.#delete(name, change);
      this.#put(change.key, change);
    }
  }

  #put(name: string | number, change: Change): void {
    const earlier = this.#changes.get(name);
    if (earlier !== undefined) this.#delete(name, earlier);
    this.#changes.set(name, change);
    this.#bytes += costOf(change);
  }

  #delete(name: string | number, change: Change): void {
    this.#changes.delete(name);
    this.#bytes -= costOf(change);
  }
}

function costOf({ payload }: Change): number {
  return CHANGE_BYTES + payload.length;
}
