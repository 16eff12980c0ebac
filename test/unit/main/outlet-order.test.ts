import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RING_BYTES, RING_RESERVE } from '../../../src/shared-memory/layout.ts';
import type { SlotNumber } from '../../../src/shared-memory/region.ts';
import { SlotSignals } from '../../../src/shared-memory/slot-signals.ts';
import { LockHarness } from '../shared-memory/lock-harness.ts';
import { endOfTurn, own, wireOf } from './outlet-wire.ts';

test('full rings leave one after the other, each without a gap, and none is left out', () => {
  const bench = new LockHarness(3);
  const room = RING_BYTES - RING_RESERVE;
  for (const worker of bench.workers) for (let i = 0; i < 4; i++) worker.commit(room / 4);
  bench.sink.isSlow = true;
  bench.turn();
  let chunks = 0;
  for (; bench.sink.isWriting; chunks++) bench.sink.finish();
  assert.ok(chunks > 3, 'one ring takes several chunks');
  assert.deepEqual(
    wireOf(bench),
    [0, 1, 2].flatMap((ring) => [0, 1, 2, 3].map((number) => `${ring}:${number}`)),
  );
});

test('a message of main’s waits for the rest of the ring that was begun, and for no other ring', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  for (const worker of bench.workers)
    for (let i = 0; i < 2; i++) worker.commit((RING_BYTES - RING_RESERVE) / 2);
  bench.turn();
  bench.outlet.send(own(0), false);
  while (bench.sink.isWriting) bench.sink.finish();
  assert.deepEqual(wireOf(bench), ['0:0', '0:1', 'main:0', '1:0', '1:1']);
});

test('a message that may overtake nothing goes behind what each ring held as it came, whatever else goes ahead', async () => {
  const bench = new LockHarness(3);
  bench.sink.isSlow = true;
  const large = (RING_BYTES - RING_RESERVE) / 2;
  for (const ring of [0, 1, 2]) for (let i = 0; i < 2; i++) bench.worker(ring).commit(large);
  bench.turn();
  // Ring 0 is begun: what is committed to it from here on is not of the backlog that main goes through.
  bench.worker(0).commit(64);
  bench.outlet.sendBehindRings(own(0));
  bench.outlet.send(own(1), false);
  bench.sink.finish();
  bench.outlet.send(own(2), false);
  while (bench.sink.isWriting) bench.sink.finish();
  const wire = wireOf(bench);
  for (const committed of ['0:2', '1:1', '2:1']) {
    assert.ok(wire.indexOf(committed) < wire.indexOf('main:0'), `${committed} is overtaken`);
  }
  assert.ok(wire.indexOf('main:1') < wire.indexOf('main:0'), 'others need not wait');
  assert.equal(bench.main.held, false);
  assert.deepEqual(bench.owed, [1, 0]);
  await bench.outlet.idle();
});

test('a message behind the rings goes behind what was spilled, too', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), false);
  bench.turn();
  for (let i = 0; i < 2; i++) bench.worker(1).commit((RING_BYTES - RING_RESERVE) / 2);
  bench.outlet.whenHeld(() => {
    bench.outlet.spill(1 as SlotNumber);
    bench.main.revoke(1 as SlotNumber);
    bench.outlet.sendBehindRings(own(1));
  });
  bench.worker(0).commit(64);
  while (bench.sink.isWriting) bench.sink.finish();
  assert.deepEqual(
    wireOf(bench).filter((frame) => frame !== '0:0'),
    ['main:0', '1:0', '1:1', 'main:1'],
  );
});

test('an action that spills another ring leaves the one that was begun to go on, ahead of all else', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  for (let i = 0; i < 2; i++) bench.worker(0).commit((RING_BYTES - RING_RESERVE) / 2);
  bench.turn();
  bench.outlet.send(own(0), false);
  bench.worker(1).commit(64);
  const { pending } = bench.worker(0).ring;
  bench.outlet.whenHeld(() => {
    bench.outlet.spill(1 as SlotNumber);
    bench.main.revoke(1 as SlotNumber);
  });
  assert.equal(bench.worker(0).ring.pending, pending);
  while (bench.sink.isWriting) bench.sink.finish();
  assert.deepEqual(wireOf(bench), ['0:0', '0:1', 'main:0', '1:0']);
});

test('what is spilled of the ring that was begun goes ahead of all else', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  for (let i = 0; i < 2; i++) bench.worker(0).commit((RING_BYTES - RING_RESERVE) / 2);
  bench.turn();
  bench.outlet.send(own(0), false);
  bench.worker(1).commit(64);
  bench.outlet.whenHeld(() => {
    bench.outlet.spill(0 as SlotNumber);
    bench.main.revoke(0 as SlotNumber);
  });
  while (bench.sink.isWriting) bench.sink.finish();
  assert.deepEqual(wireOf(bench).slice(0, 2), ['0:0', '0:1']);
  assert.deepEqual(wireOf(bench), []);
});

test('a worker that ends after the last word was said leaves no half frame ahead of it', async () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  for (let i = 0; i < 2; i++) bench.worker(0).commit((RING_BYTES - RING_RESERVE) / 2);
  bench.turn();
  void bench.outlet.lastWord(own(0));
  bench.outlet.whenHeld(() => {
    bench.outlet.spill(0 as SlotNumber);
    bench.main.revoke(0 as SlotNumber);
  });
  // Its place goes to another thread.
  new SlotSignals(bench.region, 0 as SlotNumber).reset();
  await endOfTurn();
  while (bench.sink.isWriting) bench.sink.finish();
  assert.deepEqual(wireOf(bench), ['0:0', '0:1', 'main:0']);
});

test('workers that are ended one after the other don’t let a ring that fills up again and again get ahead', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  const size = (RING_BYTES - RING_RESERVE) / 4;
  const refill = (): void => {
    while (bench.worker(0).ring.fits(size, true)) bench.worker(0).commit(size);
  };
  refill();
  bench.turn();
  bench.outlet.sendBehindRings(own(0));
  for (let ended = 0; ended < 20; ended++) {
    bench.outlet.whenHeld(() => bench.outlet.spill(1 as SlotNumber));
    refill();
    bench.sink.finish();
  }
  for (let left = 200; bench.sink.isWriting && bench.owed.at(-1) !== 0; left--) {
    assert.ok(left > 0, 'what main owes waits for ever');
    refill();
    bench.sink.finish();
  }
  while (bench.sink.isWriting) bench.sink.finish();
  // As where no worker ends: what ring 0 held, and what it had room for until main spoke.
  assert.equal(wireOf(bench).indexOf('main:0'), 4 + 3);
});

test('a ring that fills up again and again does not keep the others from the wire', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  const size = (RING_BYTES - RING_RESERVE) / 4;
  const refill = (): void => {
    while (bench.worker(0).ring.fits(size, true)) bench.worker(0).commit(size);
  };
  refill();
  bench.worker(1).commit(64);
  bench.turn();
  for (let left = 100; bench.sink.isWriting && bench.worker(1).ring.pending > 0; left--) {
    assert.ok(left > 0, 'ring 1 waits for ever');
    refill();
    bench.sink.finish();
  }
  while (bench.sink.isWriting) bench.sink.finish();
  assert.equal(wireOf(bench).indexOf('1:0'), 4, 'behind what ring 0 held as its turn began');
});

test('a ring that fills up again and again does not keep what waits behind the rings from the wire', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  const size = (RING_BYTES - RING_RESERVE) / 4;
  let refills = 0;
  const refill = (): void => {
    while (bench.worker(0).ring.fits(size, true)) bench.worker(0).commit(size);
  };
  refill();
  bench.turn();
  bench.outlet.sendBehindRings(own(0));
  bench.outlet.sendBehindRings(own(1));
  for (; bench.sink.isWriting && bench.owed.at(-1) !== 0; refills++) {
    assert.ok(refills < 200, 'what main owes waits for ever');
    refill();
    bench.sink.finish();
  }
  while (bench.sink.isWriting) bench.sink.finish();
  const wire = wireOf(bench);
  // The ring's backlog was begun: another 3 frames, all that it had room for, may have been committed before main spoke.
  assert.equal(wire.indexOf('main:0'), 4 + 3);
  assert.equal(wire.indexOf('main:1'), 4 + 3 + 1);
});
