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
 * What a worker may have in its port at once: changes, and bytes of them (one change may be larger). The rest waits
 * here, where it can be coalesced.
 */
const MAX_IN_FLIGHT = 64;
const MAX_BYTES_IN_FLIGHT = 1 << 20;

/** What a change costs beside its payload, in bytes: the objects that hold it. Tiny changes by the million are bounded too. */
const CHANGE_BYTES = 256;

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

  /** @throws MalformedError for a payload that is no KvChange */
  onChange(payload: Uint8Array): void {
    const known = decodeKvChange(payload);
    // Written anew: what a newer schema added, or nothing points to, would be kept for as long as the key.
    const change: Change = { key: known.key, payload: encodeKvChange(known) };
    this.#history.push(change);
    for (const [worker, waiting] of this.#waiting) {
      waiting.push(change);
      this.#post(worker, MAX_IN_FLIGHT);
    }
  }

  /** A change without a requestId can't be read, so nobody can be told but the person who reads standard error. */
  onMalformed(why: MalformedError): void {
    this.#log(`a key-value change can't be read and is dropped: ${why.message}`);
  }

  /** A new copy of the module begins. */
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

/** Changes in order: all of them within the limits, beyond these the last of each key, and the oldest not even once. */
class ChangeList {
  readonly #limits: Limits;
  /** Named by a number each, or by their keys once the limits were passed; a key's place is that of its last change. */
  readonly #changes = new Map<string | number, Change>();
  /** Goes on behind what was taken: a new one would look at each place that was ever left. */
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
    // A live iterator that has come to its end stays there.
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
