import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyValues } from '../../src/main/workers/key-values.ts';
import { ModuleCopies } from '../../src/main/workers/module-copies.ts';
import type { PoolWorker } from '../../src/main/workers/pool-worker.ts';
import { OP } from '../../src/threads/messages.ts';
import { decodeKvChange } from '../../src/wire/payload-decode.ts';
import { encodeKvChange } from '../../src/wire/payload-encode.ts';
import { MalformedError } from '../../src/wire/capnp/malformed.ts';
import { FakeSlots } from '../support/fake-workers.ts';

class Bench {
  readonly keyValues: KeyValues;
  readonly #slots = new FakeSlots(3, 1);
  /** `key=value` of each change that reached a worker, by its slot. */
  readonly seen: string[][] = [[], [], []];
  /** The slots of the copies that were told to begin. */
  readonly begun: number[] = [];
  readonly log: string[] = [];

  constructor(limits: { maxWaiting?: number; maxWaitingBytes?: number } = {}) {
    const all = { maxWaiting: 1024, maxWaitingBytes: 1 << 20, ...limits };
    this.keyValues = new KeyValues(all, new ModuleCopies(), (line) => this.log.push(line));
  }

  /** A worker that takes its slot and begins to load. */
  start(slot: number): PoolWorker {
    const worker = this.#slots.start(slot, ({ kind, payload }) => {
      if (kind === OP.init) {
        assert.deepEqual(this.seen[slot], [], 'a copy begins before its first change');
        return void this.begun.push(slot);
      }
      assert.equal(kind, OP.kv);
      const { key, value } = decodeKvChange(payload);
      this.seen[slot]?.push(`${key}=${value.join()}`);
    });
    this.keyValues.add(worker);
    return worker;
  }

  load(worker: PoolWorker): void {
    worker.phase = 'ready';
    this.keyValues.flush(worker);
  }

  ready(slot: number): PoolWorker {
    const worker = this.start(slot);
    this.load(worker);
    return worker;
  }

  change(key: string, value = 0): void {
    const payload = encodeKvChange({ key, value: new Uint8Array([value]) });
    this.keyValues.onChange(payload);
    // The payload lies in the read buffer, which is used again.
    payload.fill(0xee);
  }

  take(slot: number): string[] {
    return this.seen[slot]?.splice(0) ?? [];
  }
}

test('a copy is told to begin before its first change, and not without one', () => {
  const bench = new Bench();
  const early = bench.ready(0);
  assert.deepEqual(bench.begun, []);
  bench.change('k');
  early.flush();
  assert.deepEqual(bench.begun, [0]);
  assert.deepEqual(bench.take(0), ['k=0']);
  bench.ready(1);
  assert.deepEqual(bench.begun, [0, 1], 'one that comes later gets what came before it');
});

test('a worker that retires and goes on taking jobs hears of changes like any other', () => {
  const bench = new Bench();
  const worker = bench.ready(0);
  worker.phase = 'retiring';
  bench.change('a');
  bench.keyValues.flushBefore(worker);
  worker.flush();
  assert.deepEqual(bench.take(0), ['a=0']);
  worker.phase = 'revoked';
  bench.change('b');
  bench.keyValues.flush(worker);
  assert.deepEqual(bench.take(0), []);
});

test('every copy of the module gets every change in order', () => {
  const bench = new Bench();
  const workers = [bench.ready(0), bench.ready(1)];
  for (let i = 0; i < 5; i++) bench.change('k', i);
  for (const [slot, worker] of workers.entries()) {
    worker.flush();
    assert.deepEqual(bench.take(slot), ['k=0', 'k=1', 'k=2', 'k=3', 'k=4']);
  }
});

test('a copy that starts later gets what came before it, ahead of its first job', () => {
  const bench = new Bench();
  bench.change('before any worker', 1);
  const worker = bench.start(0);
  bench.change('while it loads', 2);
  worker.flush();
  assert.deepEqual(bench.take(0), [], 'it has no module yet');
  bench.load(worker);
  assert.deepEqual(bench.take(0), ['before any worker=1', 'while it loads=2']);
  const replacement = bench.start(1);
  replacement.phase = 'ready';
  bench.keyValues.flushBefore(replacement);
  replacement.flush();
  assert.deepEqual(bench.take(1), ['before any worker=1', 'while it loads=2']);
});

test('a worker that computes has a bounded number of changes in its port, and gets more as it takes them', () => {
  const bench = new Bench();
  const worker = bench.ready(0);
  for (let i = 0; i < 200; i++) bench.change(`k${i}`);
  worker.flush();
  assert.equal(bench.take(0).length, 64);
  for (let i = 0; i < 10; i++) bench.keyValues.onDone(worker, 1);
  assert.deepEqual(
    bench.take(0),
    Array.from({ length: 10 }, (_, i) => `k${64 + i}=0`),
  );
});

test('a job that starts on a worker has everything ahead of it, however much is in flight', () => {
  const bench = new Bench();
  const worker = bench.ready(0);
  for (let i = 0; i < 200; i++) bench.change(`k${i}`);
  bench.keyValues.flushBefore(worker);
  worker.flush();
  assert.equal(bench.take(0).length, 200);
});

test('beyond the limit only the last change of a key is kept, in the place of that last change', () => {
  const bench = new Bench({ maxWaiting: 10 });
  const worker = bench.ready(0);
  for (let i = 0; i < 64; i++) bench.change('fills the port', i);
  worker.flush();
  bench.take(0);
  bench.change('a', 1);
  bench.change('b', 1);
  for (let i = 0; i < 8; i++) bench.change('c', i);
  bench.change('a', 2);
  for (let i = 0; i < 64; i++) bench.keyValues.onDone(worker, 1);
  assert.deepEqual(bench.take(0), ['b=1', 'c=7', 'a=2']);
});

test('many keys in a busy worker cost no more than the limit in bytes: the oldest are dropped', () => {
  const bench = new Bench({ maxWaiting: 10, maxWaitingBytes: 5000 });
  const worker = bench.ready(0);
  for (let i = 0; i < 64; i++) bench.change('fills the port', i);
  worker.flush();
  bench.take(0);
  // What a change costs beside its payload counts too.
  const size = 256 + encodeKvChange({ key: 'k100', value: new Uint8Array(1) }).length;
  for (let i = 325; i < 400; i++) bench.change(`k${i}`);
  bench.keyValues.flushBefore(worker);
  worker.flush();
  const kept = bench.take(0);
  assert.ok(kept.length > 0 && kept.length <= 5000 / size, `${kept.length} of ${size} bytes`);
  assert.equal(kept.at(-1), 'k399=0');
});

/** CPU time of this process for `work`, in ms: what others do on the machine doesn't count. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test('a hundred thousand keys are no work for main when a worker starts, or while they just fit', () => {
  const KEYS = 100_000;
  const size = 256 + encodeKvChange({ key: 'k00000', value: new Uint8Array(1) }).length;
  // The list is at its limit with the last key.
  const bench = new Bench({ maxWaitingBytes: KEYS * size });
  for (let i = 0; i < KEYS; i++) bench.change(`k${`${i}`.padStart(5, '0')}`);
  const updates = cpuMs(() => {
    for (let i = 0; i < 500; i++) bench.change('k00000', i & 0xff);
  });
  assert.ok(updates < 1_000, `500 changes took ${updates} ms`);
  const worker = bench.start(0);
  worker.phase = 'ready';
  const start = cpuMs(() => bench.keyValues.flushBefore(worker));
  // With `Array.shift` it took 5 s.
  assert.ok(start < 1_500, `the start of a worker took ${start} ms`);
  worker.flush();
  assert.ok(bench.take(0).length >= KEYS);
});

test('a worker that is gone or ended gets nothing more', () => {
  const bench = new Bench();
  const worker = bench.ready(0);
  worker.phase = 'revoked';
  bench.change('k');
  worker.flush();
  bench.keyValues.forget(worker);
  worker.phase = 'ready';
  bench.change('k');
  worker.flush();
  assert.deepEqual(bench.take(0), []);
});

test('a payload that is no change is refused and changes nothing', () => {
  const bench = new Bench();
  const worker = bench.ready(0);
  assert.throws(() => bench.keyValues.onChange(new Uint8Array(24).fill(0xee)), MalformedError);
  worker.flush();
  assert.deepEqual(bench.take(0), []);
});
