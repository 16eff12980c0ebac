import { OP } from '../thread-messages.ts';
import { decodeKvChange } from '../wire/cold-decode.ts';
import { logLine } from '../stderr.ts';
import type { PoolWorker } from './pool-worker.ts';

interface Change {
  readonly key: string;
  readonly payload: Uint8Array;
}

/** Changes that a worker may have in its port at once; the rest waits here, where it can be coalesced. */
const MAX_IN_FLIGHT = 64;

/**
 * Key-value changes on their way to every worker's copy of the module, in order.
 *
 * A worker that computes takes nothing, so changes for it wait here. Beyond the limit only the last change of a key is
 * kept; what was coalesced away is not delivered.
 */
export class KeyValues {
  readonly #limits: { readonly maxWaiting: number; readonly maxWaitingBytes: number };
  readonly #waiting = new Map<PoolWorker, { changes: Change[]; bytes: number }>();

  constructor(limits: { readonly maxWaiting: number; readonly maxWaitingBytes: number }) {
    this.#limits = limits;
  }

  /** @throws MalformedError for a payload that is no KvChange */
  onChange(payload: Uint8Array, workers: Iterable<PoolWorker>): void {
    const change: Change = { key: decodeKvChange(payload).key, payload: payload.slice() };
    for (const worker of workers) {
      if (worker.phase !== 'ready' && worker.phase !== 'loading') continue;
      const waiting = this.#waiting.get(worker) ?? { changes: [], bytes: 0 };
      this.#waiting.set(worker, waiting);
      waiting.changes.push(change);
      waiting.bytes += change.payload.length;
      if (waiting.changes.length > this.#limits.maxWaiting || waiting.bytes > this.#limits.maxWaitingBytes) {
        this.#waiting.set(worker, this.#coalesce(waiting.changes));
      }
      this.#post(worker, MAX_IN_FLIGHT);
    }
  }

  /** The module of a worker has seen `count` changes. */
  onDone(worker: PoolWorker, count: number): void {
    worker.kvInFlight -= count;
    this.#post(worker, MAX_IN_FLIGHT);
    worker.flush();
  }

  /** Everything that waits for a worker goes ahead of the job that it gets now. */
  flushBefore(worker: PoolWorker): void {
    this.#post(worker, Infinity);
  }

  forget(worker: PoolWorker): void {
    this.#waiting.delete(worker);
  }

  #post(worker: PoolWorker, maxInFlight: number): void {
    const waiting = this.#waiting.get(worker);
    if (waiting === undefined || worker.phase === 'loading') return;
    while (worker.kvInFlight < maxInFlight) {
      const change = waiting.changes.shift();
      if (change === undefined) return;
      waiting.bytes -= change.payload.length;
      worker.kvInFlight++;
      worker.post(OP.kv, 0, change.payload);
    }
  }

  #coalesce(changes: Change[]): { changes: Change[]; bytes: number } {
    const last = new Map<string, Change>();
    for (const change of changes) {
      // A key's place is that of its last change.
      last.delete(change.key);
      last.set(change.key, change);
    }
    const kept = [...last.values()];
    let bytes = kept.reduce((sum, { payload }) => sum + payload.length, 0);
    while (bytes > this.#limits.maxWaitingBytes) {
      bytes -= kept.shift()?.payload.length ?? bytes;
      logLine('a key-value change was dropped: a busy worker has more waiting than the limit allows');
    }
    return { changes: kept, bytes };
  }
}
