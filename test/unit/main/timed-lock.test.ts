import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimedLock } from '../../../src/main/output/timed-lock.ts';
import { RingProducer } from '../../../src/shared-memory/outbound-ring.ts';
import { Region, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { WorkerWriteLock } from '../../../src/shared-memory/write-lock.ts';
import { TestClock } from '../../../src/testing/test-clock.ts';

const SLOT = 1 as SlotNumber;

/** Main's lock, and a worker that takes it again and again. */
class Bench {
  readonly #region = Region.allocate(2, 2);
  readonly clock = new TestClock(0);
  readonly lock = new TimedLock(this.#region, this.clock);

  /** @param meanwhile what main does while the worker is within its section */
  whileHeld(meanwhile: () => void): void {
    new RingProducer(this.#region, SLOT).commit(new Uint8Array(8));
    const write = (_: Uint8Array, __: number, length: number): number => {
      assert.equal(this.lock.tryAcquire(), false);
      meanwhile();
      return length;
    };
    new WorkerWriteLock(this.#region, SLOT, write, () => {}).flush();
  }
}

test('a worker that keeps the lock from main at four looks in a row is stuck', () => {
  const bench = new Bench();
  bench.whileHeld(() => {
    const looks = [1, 2, 3, 4].map(() => bench.lock.lookForStuckHolder());
    assert.deepEqual(looks, [undefined, undefined, undefined, SLOT]);
  });
});

test('a holder is not stuck however long the whole process stood still', () => {
  const bench = new Bench();
  bench.whileHeld(() => {
    bench.clock.advance(3_600_000);
    assert.equal(bench.lock.lookForStuckHolder(), undefined);
  });
});

test('once main had the lock, the looks are counted anew', () => {
  const bench = new Bench();
  bench.whileHeld(() => {
    for (let look = 0; look < 3; look++) bench.lock.lookForStuckHolder();
  });
  assert.equal(bench.lock.tryAcquire(), true);
  assert.equal(bench.lock.lookForStuckHolder(), undefined);
  bench.lock.release();
  bench.whileHeld(() => assert.equal(bench.lock.lookForStuckHolder(), undefined));
});
