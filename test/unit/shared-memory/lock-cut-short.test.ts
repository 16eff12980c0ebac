import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { GLOBAL, LOCK_FREE, RING_BYTES, SLOT } from '../../../src/shared-memory/layout.ts';
import type { SlotNumber } from '../../../src/shared-memory/region.ts';
import { LockHarness } from './lock-harness.ts';
import { readFrames } from './ring-frames.ts';

/** What stops a handler, and with it our code on its stack: the timeout of a `vm` script, say. */
class Cut extends Error {}

const STEPS = ['load', 'store', 'exchange', 'compareExchange', 'add', 'notify'] as const;

/** Runs `action`, which is cut short at its step number `at`, before that takes effect. @returns whether it got that far */
function cutAt(t: TestContext, at: number, action: () => void): boolean {
  let step = 0;
  const mocks = STEPS.map((name) => {
    const real = Atomics[name].bind(Atomics) as (...args: unknown[]) => unknown;
    return t.mock.method(Atomics, name, (...args: unknown[]) => {
      if (step++ === at) throw new Cut();
      return real(...args);
    });
  });
  try {
    action();
    return false;
  } catch (error) {
    assert.ok(error instanceof Cut, String(error));
    return true;
  } finally {
    for (const { mock } of mocks) mock.restore();
  }
}

/** The numbers of each ring's frames on the wire, in order. */
function numbersOf(bench: LockHarness): Record<string, number[]> {
  const seen: Record<string, number[]> = {};
  for (const { ring, number } of readFrames(bench.sink.take())) (seen[ring] ??= []).push(number);
  return seen;
}

/** What makes a flush write in pieces: the pipe takes only a part, or the rings wrap. */
const PIECES: Record<string, { allow: number[]; position: number }> = {
  'whole rings': { allow: [], position: 0 },
  'the first ring in part': { allow: [100], position: 0 },
  'rings that wrap': { allow: [], position: RING_BYTES - 24 },
};

for (const [pieces, { allow, position }] of Object.entries(PIECES)) {
  test(`a flush that was cut short at any step is finished by the next: ${pieces}`, (t) => {
    let at = 0;
    let unknown = 0;
    for (; ; at++) {
      const bench = new LockHarness(2, position);
      const [one, other] = [bench.worker(0), bench.worker(1)];
      for (const size of [64, 256]) one.commit(size);
      for (const size of [48, 512]) other.commit(size);
      bench.allow = [...allow];
      if (!cutAt(t, at, () => one.lock.flush())) break;
      const { words } = bench.region;
      const base = bench.region.slotBase(0 as SlotNumber);
      other.commit(32);
      other.lock.flush();
      one.commit(32);
      if (words[GLOBAL.lock] === 1 && words[base + SLOT.intent] === 1) {
        // Nobody can know what that write did. Nothing may follow it, and main must find out when it has ended the thread.
        unknown++;
        const { attempts } = bench;
        one.lock.flush();
        bench.turn();
        assert.equal(bench.attempts, attempts, `step ${at}`);
        assert.equal(bench.main.held, false, `step ${at}`);
        assert.equal(bench.main.holder, 0, `step ${at}`);
        assert.equal(bench.main.inherit(0 as SlotNumber), 'unknown', `step ${at}`);
        continue;
      }
      one.lock.flush();
      // Main looks once a second whatever the bells say: one may have been cut off, too.
      bench.turn();
      assert.deepEqual(numbersOf(bench), { 0: [0, 1, 2], 1: [0, 1, 2] }, `step ${at}`);
      assert.equal(words[GLOBAL.lock], LOCK_FREE, `step ${at}`);
    }
    assert.ok(at > 10, `only ${at} steps`);
    assert.ok(unknown > 0 && unknown < at / 2, `${unknown} of ${at} steps leave the wire unknown`);
  });
}

test('a worker that ends after a cut leaves the lock to main, without a gap', (t) => {
  for (let at = 0; ; at++) {
    const bench = new LockHarness(2);
    for (const size of [64, 256]) bench.worker(0).commit(size);
    bench.worker(1).commit(48);
    bench.allow = [100];
    if (!cutAt(t, at, () => bench.worker(0).lock.flush())) break;
    if (bench.main.inherit(0 as SlotNumber) === 'unknown') continue;
    bench.turn();
    assert.deepEqual(numbersOf(bench), { 0: [0, 1], 1: [0] }, `step ${at}`);
  }
});

test('a flush at the end of the stack changes nothing, or does all', () => {
  const bench = new LockHarness(2);
  let refused = 0;
  let commits = 0;
  const dive = (): void => {
    try {
      dive();
    } catch {
      // The end of the stack: from here on there is more of it, return by return.
    }
    if (commits >= 500) return;
    const owner = bench.region.words[GLOBAL.lock];
    assert.equal(owner, LOCK_FREE);
    try {
      bench.worker(0).lock.flush();
      bench.worker(0).commit(64);
      commits++;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refused++;
    }
  };
  dive();
  assert.ok(refused > 0, 'the stack was never short');
  bench.worker(0).lock.flush();
  assert.equal(bench.region.words[GLOBAL.lock], LOCK_FREE);
  assert.deepEqual(
    numbersOf(bench)[0],
    Array.from({ length: commits }, (_, number) => number),
  );
});
