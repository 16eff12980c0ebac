import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DurationCount } from '../../../src/base/durations.ts';
import { TimedLock } from '../../../src/main/output/timed-lock.ts';
import type { PoolWorker } from '../../../src/main/workers/pool-worker.ts';
import { ProcessFigures } from '../../../src/main/process/process-figures.ts';
import { GLOBAL, LOCK_FREE, LOCK_MAIN } from '../../../src/shared-memory/layout.ts';
import { Region, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { SlotFigures } from '../../../src/shared-memory/slot-figures.ts';
import { DroppedLogs, SlotSignals } from '../../../src/shared-memory/slot-signals.ts';
import { TestClock } from '../../../src/testing/test-clock.ts';
import { EventLog } from '../../support/event-log.ts';

const SLOT_1 = 1 as SlotNumber;
const NONE = { count: 0, totalMs: 0, maxMs: 0 };

/** What main's other parts would count. */
const KEPT = {
  framesIn: 1,
  framesOut: 2,
  bytesIn: 3,
  bytesOut: 4,
  lateFrames: 5,
  opened: 6,
  ended: { close: 7 },
  refused: {},
  openStreams: 8,
  queuedOpens: 9,
  workers: 2,
  busyWorkers: 1,
  missingWorkers: 0,
  missingBecause: undefined,
  sleepingWorkers: 0,
  lingeringThreads: 0,
  workerRestarts: 3,
  queueWait: NONE,
  run: NONE,
  cancelLatency: NONE,
  lockStall: NONE,
} as const;

test('what a thread has left in its slot counts, also when the next one begins with none', () => {
  const clock = new TestClock(1000);
  const region = Region.allocate(2, 2);
  const watch = new ProcessFigures(clock, region, () => KEPT);
  const figures = new SlotFigures(region, SLOT_1);
  figures.addStall('credit', 5);
  figures.addStall('ring', 7);
  new DroppedLogs(region).add();
  watch.onExited({ slotNumber: 1, running: 1 } as PoolWorker, 'it died');
  new SlotSignals(region, SLOT_1).reset();
  figures.addStall('credit', 3);
  clock.advance(250);
  const { uptimeMs, creditStall, ringStall, droppedLogs, framesOut, ended } = watch.stats();
  assert.deepEqual(creditStall, { count: 2, totalMs: 8, maxMs: 5 });
  assert.deepEqual(ringStall, { count: 1, totalMs: 7, maxMs: 7 });
  assert.deepEqual([uptimeMs, droppedLogs, framesOut, ended], [250, 1, 2, { close: 7 }]);
});

test('a tick publishes the figures to who listens, and takes what workers have left in any case', (t) => {
  const region = Region.allocate(2, 2);
  let looks = 0;
  const watch = new ProcessFigures(new TestClock(1000), region, () => {
    looks++;
    return KEPT;
  });
  const figures = new SlotFigures(region, SLOT_1);
  figures.addStall('ring', 2);
  watch.tick();
  watch.end();
  assert.equal(looks, 0, 'nobody listens');
  assert.deepEqual(figures.take().ring, NONE);
  const log = new EventLog(t, ['stats']);
  watch.tick();
  watch.end();
  assert.deepEqual(
    log.of('stats').map(({ ringStall, framesIn }) => [ringStall.count, framesIn]),
    [
      [1, 1],
      [1, 1],
    ],
  );
});

test('main’s wait for the lock counts from its first attempt to the one that succeeds', () => {
  const clock = new TestClock(1000);
  const region = Region.allocate(1, 1);
  const lock = new TimedLock(region, clock);
  assert.equal(lock.tryAcquire(), true);
  lock.release();
  assert.deepEqual(lock.waits, NONE, 'it was free');
  Atomics.store(region.words, GLOBAL.lock, SLOT_1);
  assert.equal(lock.tryAcquire(), false);
  clock.advance(3);
  assert.equal(lock.tryAcquire(), false);
  clock.advance(4);
  Atomics.store(region.words, GLOBAL.lock, LOCK_MAIN);
  assert.equal(lock.tryAcquire(), true);
  clock.advance(10);
  assert.equal(lock.tryAcquire(), true);
  lock.release();
  assert.equal(Atomics.load(region.words, GLOBAL.lock), LOCK_FREE);
  assert.deepEqual(lock.waits, { count: 1, totalMs: 7, maxMs: 7 });
});

test('durations add up, and are read to a µs', () => {
  const count = new DurationCount();
  assert.deepEqual(count.figures, NONE);
  count.add(0.1);
  count.addAll({ count: 3, totalMs: 0.2, maxMs: 0.15 });
  assert.deepEqual(count.figures, { count: 4, totalMs: 0.3, maxMs: 0.15 });
});
