import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RING_BYTES, RING_RESERVE } from '../../../src/shared-memory/layout.ts';
import type { SlotNumber } from '../../../src/shared-memory/region.ts';
import { beforeRelease, LockHarness } from '../shared-memory/lock-harness.ts';
import { makeFrame } from '../shared-memory/ring-frames.ts';
import { endOfTurn, MAIN, own, wireOf } from './outlet-wire.ts';

test('what one turn sends leaves in one write, rings first, then main’s own messages in order', async () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), false);
  bench.outlet.send(own(1), false);
  bench.worker(1).commit(64);
  assert.equal(bench.sink.isWriting, false, 'not before the turn ends');
  await endOfTurn();
  assert.equal(bench.sink.isWriting, true);
  assert.equal(bench.outlet.queuedBytes, 0);
  bench.sink.finish();
  assert.deepEqual(wireOf(bench), ['1:0', 'main:0', 'main:1']);
  assert.equal(bench.main.held, false);
});

test('a half-written frame goes before everything else, also what was sent before it', () => {
  const bench = new LockHarness(3);
  bench.outlet.send(own(0), true);
  bench.worker(0).commit(64);
  bench.worker(2).commit(512);
  bench.worker(2).commit(64);
  bench.allow = [100];
  bench.worker(2).lock.flush();
  bench.turn();
  const wire = wireOf(bench);
  assert.deepEqual(wire.slice(0, 2), ['2:0', '2:1']);
  assert.deepEqual(wire.slice(2).sort(), ['0:0', 'main:0']);
});

test('a slot’s backlog is spilled behind main’s messages and ahead of what main sends then', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), false);
  bench.turn();
  bench.outlet.send(own(1), false);
  bench.worker(1).commit(64);
  bench.worker(1).commit(48);
  let ran = false;
  bench.outlet.whenHeld(() => {
    ran = true;
    bench.outlet.spill(1 as SlotNumber);
    bench.main.revoke(1 as SlotNumber);
    // The terminal frames of its streams.
    bench.outlet.send(own(2), true);
  });
  assert.equal(ran, true, 'main holds the lock while it writes');
  assert.equal(bench.worker(1).ring.pending, 0);
  // What a revoked worker commits now is nobody's.
  bench.worker(1).commit(64);
  bench.sink.finish();
  bench.sink.finish();
  assert.deepEqual(wireOf(bench), ['main:0', 'main:1', '1:0', '1:1', 'main:2']);
});

test('spilling an empty ring is nothing', () => {
  const bench = new LockHarness(1);
  bench.outlet.whenHeld(() => bench.outlet.spill(0 as SlotNumber));
  assert.equal(bench.sink.take().length, 0);
  assert.equal(bench.outlet.queuedBytes, 0);
});

test('whenHeld waits for the worker that holds the lock, and no longer', () => {
  const bench = new LockHarness(1);
  let ran = 0;
  bench.onWrite = () => {
    bench.outlet.whenHeld(() => ran++);
    assert.equal(ran, 0);
  };
  bench.worker(0).commit(64);
  bench.worker(0).lock.flush();
  assert.equal(bench.worker(0).bells, 1, 'the worker rings when it hands over');
  assert.equal(ran, 0);
  bench.turn();
  assert.equal(ran, 1);
  bench.turn();
  assert.equal(ran, 1);
});

test('an action that asks for another has it run under the same hold of the lock, and so do its neighbours', () => {
  const bench = new LockHarness(1);
  const order: string[] = [];
  const note = (what: string): void => {
    assert.equal(bench.main.held, true, what);
    order.push(what);
  };
  bench.onWrite = () => {
    bench.outlet.whenHeld(() => {
      note('first');
      bench.outlet.whenHeld(() => note('asked for by the first'));
    });
    bench.outlet.whenHeld(() => note('second'));
  };
  bench.worker(0).commit(64);
  bench.worker(0).lock.flush();
  bench.turn();
  assert.deepEqual(order, ['first', 'second', 'asked for by the first']);
  assert.equal(bench.main.held, false);
});

test('what workers commit while main writes goes out afterwards, in whole frames', () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), false);
  bench.turn();
  bench.worker(0).commit(64);
  bench.worker(0).lock.flush();
  bench.worker(1).commit(64);
  bench.worker(1).lock.flush();
  assert.equal(bench.attempts, 0, 'main holds the lock until its write has ended');
  bench.sink.finish();
  assert.equal(bench.sink.isWriting, true);
  bench.sink.finish();
  assert.deepEqual(wireOf(bench).sort(), ['0:0', '1:0', 'main:0']);
  bench.worker(0).commit(64);
  bench.worker(0).lock.flush();
  assert.equal(bench.attempts, 1, 'the lock is free again');
});

test('a frame that is committed after main’s last look, and before its release, goes out', (t) => {
  const bench = new LockHarness(1);
  bench.outlet.send(own(0), false);
  beforeRelease(t, bench, () => {
    bench.worker(0).commit(64);
    bench.worker(0).lock.flush();
    assert.equal(bench.attempts, 0, 'main still has the lock');
  });
  bench.turn();
  assert.deepEqual(wireOf(bench), ['main:0', '0:0']);
});

test('idle resolves when everything queued and committed has been written, and not before', async () => {
  const bench = new LockHarness(2);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), false);
  bench.worker(1).commit(64);
  let isIdle = false;
  const idle = bench.outlet.idle().then(() => (isIdle = true));
  await endOfTurn();
  bench.worker(0).commit(64);
  await endOfTurn();
  assert.equal(isIdle, false);
  bench.sink.finish();
  await endOfTurn();
  assert.equal(isIdle, false, 'ring 0 is still to be written');
  bench.sink.finish();
  await idle;
  assert.equal(wireOf(bench).length, 3);
  await bench.outlet.idle();
});

test('answers are owed from when they are queued until their write has ended', () => {
  const bench = new LockHarness(1);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), true);
  bench.outlet.send(own(1), false);
  bench.outlet.send(own(2), true);
  assert.deepEqual(bench.owed, [1, 2]);
  bench.turn();
  bench.outlet.send(own(3), true);
  assert.deepEqual(bench.owed, [1, 2, 3]);
  bench.sink.finish();
  assert.deepEqual(bench.owed, [1, 2, 3, 1], 'the two of the first write are paid');
  bench.sink.finish();
  assert.deepEqual(bench.owed, [1, 2, 3, 1, 0]);
});

test('a message larger than a ring goes out alone and whole, in its turn', () => {
  const bench = new LockHarness(1);
  const large = makeFrame(MAIN, 1, RING_BYTES + 8);
  bench.outlet.send(own(0), false);
  bench.outlet.send(large, true);
  bench.outlet.send(own(2), false);
  assert.deepEqual(bench.owed, [1]);
  bench.turn();
  assert.deepEqual(wireOf(bench), ['main:0', 'main:1', 'main:2']);
  assert.deepEqual(bench.owed, [1, 0]);
  assert.equal(bench.outlet.queuedBytes, 0);
});

test('a producer that waits asynchronously is told when main makes room', () => {
  const bench = new LockHarness(2);
  const { ring } = bench.worker(1);
  ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
  assert.equal(ring.announceWait(64, true, 'async'), true);
  bench.turn();
  assert.deepEqual(bench.events, ['room 1']);
});

test('a producer that waits asynchronously is told when another worker makes room', () => {
  const bench = new LockHarness(2);
  const { ring } = bench.worker(1);
  ring.commit(new Uint8Array(RING_BYTES - RING_RESERVE));
  assert.equal(ring.announceWait(64, true, 'async'), true);
  bench.worker(0).lock.flush();
  assert.equal(ring.pending, 0, 'worker 0 has written it out');
  assert.equal(bench.worker(0).bells, 1, 'and rings, since only main can send worker 1 a message');
  bench.turn();
  assert.deepEqual(bench.events, ['room 1']);
});

test('a sink that fails ends the outlet once: the queue is dropped, and so is what comes later', () => {
  const bench = new LockHarness(1);
  bench.sink.isSlow = true;
  bench.outlet.send(own(0), true);
  bench.turn();
  bench.outlet.send(own(1), true);
  bench.sink.finish(new Error('write EPIPE'));
  bench.outlet.send(own(2), true);
  bench.turn();
  assert.deepEqual(bench.events, ['gone write EPIPE']);
  assert.equal(bench.sink.isWriting, false);
});

test('main’s own messages are counted for the health report', () => {
  const bench = new LockHarness(1);
  bench.outlet.send(own(0, 32), false);
  bench.outlet.send(own(1, 64), true);
  assert.equal(bench.outlet.framesOut, 2);
  assert.equal(bench.outlet.bytesOut, 96);
  assert.equal(bench.outlet.queuedBytes, 96);
});
