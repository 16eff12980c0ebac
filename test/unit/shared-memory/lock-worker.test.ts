import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { GLOBAL, LOCK_FREE, LOCK_MAIN, RING_BYTES, SLOT } from '../../../src/shared-memory/layout.ts';
import type { SlotNumber } from '../../../src/shared-memory/region.ts';
import { beforeRelease, LockHarness } from './lock-harness.ts';
import { makeFrame, readFrames } from './ring-frames.ts';

function word(bench: LockHarness, index: number): number {
  return bench.region.words[index] ?? NaN;
}

/** `ring:number` of each frame on the wire, in order. */
function wireOf(bench: LockHarness): string[] {
  return readFrames(bench.sink.take()).map(({ ring, number }) => `${ring}:${number}`);
}

test('whoever has the lock writes out every ring, its own first', () => {
  const bench = new LockHarness(3);
  for (const worker of bench.workers) worker.commit(64);
  bench.worker(2).commit(32);
  bench.worker(1).lock.flush();
  assert.deepEqual(wireOf(bench), ['1:0', '2:0', '2:1', '0:0']);
  assert.equal(word(bench, GLOBAL.lock), LOCK_FREE);
  assert.equal(word(bench, GLOBAL.resume), 0);
  assert.ok(bench.workers.every(({ bells }) => bells === 0));
});

test('a worker that finds the lock taken leaves its frames to the holder, which sees them', () => {
  const bench = new LockHarness(2);
  bench.worker(0).commit(64);
  let once = true;
  bench.onWrite = () => {
    if (!once) return;
    once = false;
    // Worker 1 commits and tries the lock while worker 0 is inside its write.
    bench.worker(1).commit(48);
    bench.worker(1).lock.flush();
    assert.equal(bench.attempts, 1, 'it wrote although another held the lock');
  };
  bench.worker(0).lock.flush();
  assert.deepEqual(wireOf(bench), ['0:0', '1:0']);
  assert.equal(word(bench, GLOBAL.lock), LOCK_FREE);
});

test('a frame that is committed after the holder’s last look, and before its release, goes out', (t) => {
  const bench = new LockHarness(2);
  bench.worker(0).commit(64);
  beforeRelease(t, bench, () => {
    bench.worker(1).commit(48);
    bench.worker(1).lock.flush();
    assert.equal(bench.attempts, 1, 'the lock is still taken');
  });
  bench.worker(0).lock.flush();
  assert.deepEqual(wireOf(bench), ['0:0', '1:0']);
  assert.equal(word(bench, GLOBAL.lock), LOCK_FREE);
});

test('main that asks after the holder’s last look, and before its release, is told by the bell', (t) => {
  const bench = new LockHarness(1);
  bench.worker(0).commit(64);
  beforeRelease(t, bench, () => assert.equal(bench.main.tryAcquire(), false));
  bench.worker(0).lock.flush();
  assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
  assert.equal(bench.worker(0).bells, 1);
});

test('a ring that wraps is written in two attempts', () => {
  const bench = new LockHarness(1, RING_BYTES - 24);
  bench.worker(0).commit(64);
  bench.worker(0).lock.flush();
  assert.equal(bench.attempts, 2);
  assert.deepEqual(wireOf(bench), ['0:0']);
});

test('a worker whose neighbours never stop hands over to main after four rounds', () => {
  const bench = new LockHarness(2);
  let more = 100;
  bench.onWrite = () => {
    if (more-- > 0) bench.worker(1).commit(64);
  };
  bench.worker(0).commit(64);
  bench.worker(0).lock.flush();
  assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
  assert.equal(bench.worker(0).bells, 1);
  // One frame of its own, then what lay in ring 1 at each visit; never more than four visits of two rings.
  assert.ok(bench.attempts <= 8, `${bench.attempts} writes`);
  assert.equal(word(bench, GLOBAL.resume), 0, 'on a boundary');
  bench.turn();
  const wire = wireOf(bench);
  assert.equal(wire.length, 1 + 100 - Math.max(more, 0));
});

test('every way to cut a frame of 4 KiB leaves the wire whole', () => {
  const bench = new LockHarness(2);
  const [first, second] = [bench.worker(0), bench.worker(1)];
  const own = makeFrame(9, 0, 24);
  for (let split = 1; split < 4096; split++) {
    bench.worker(0).bells = 0;
    const sent = first.commit(4096);
    const other = second.commit(16);
    // Main has a message of its own, from before the worker's write.
    bench.outlet.send(own, false);
    bench.allow = [split];
    first.lock.flush();
    assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
    assert.equal(word(bench, GLOBAL.resume), 1);
    assert.equal(first.bells, 1);
    assert.equal(second.ring.pending, 16, 'no other ring may be touched');
    bench.turn();
    assert.equal(word(bench, GLOBAL.lock), LOCK_FREE);
    const seen = readFrames(bench.sink.take());
    assert.deepEqual(seen[0], { ring: 0, number: sent, size: 4096 }, `split at ${split}`);
    assert.deepEqual(seen.map(({ ring }) => ring).sort(), [0, 1, 9]);
    assert.ok(seen.some(({ ring, number }) => ring === 1 && number === other));
  }
});

test('a cut in the second of three frames, and a cut at each boundary, leave the wire whole', () => {
  const bench = new LockHarness(1);
  const { commit, lock } = bench.worker(0);
  for (let split = 8; split < 3 * 256; split += 8) {
    const first = commit(256);
    commit(256);
    commit(256);
    bench.allow = [split];
    lock.flush();
    bench.turn();
    assert.deepEqual(
      wireOf(bench),
      [first, first + 1, first + 2].map((number) => `0:${number}`),
      `split at ${split}`,
    );
  }
});

test('a pipe that takes one byte at a time gets the same bytes', () => {
  const bench = new LockHarness(1);
  const { commit, lock } = bench.worker(0);
  for (let i = 0; i < 200; i++) {
    commit(128);
    bench.allow = [1];
    lock.flush();
    bench.turn();
  }
  assert.equal(wireOf(bench).length, 200);
});

test('a full pipe passes the lock to main without a byte', () => {
  const bench = new LockHarness(2);
  bench.worker(0).commit(64);
  bench.worker(1).commit(64);
  bench.allow = [0];
  bench.worker(1).lock.flush();
  assert.equal(bench.sink.take().length, 0);
  assert.equal(bench.attempts, 1, 'no second attempt on a full pipe');
  assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
  bench.turn();
  assert.deepEqual(wireOf(bench), ['1:0', '0:0']);
});

test('a host that is gone ends all writing: nobody tries again, and main is told', () => {
  const bench = new LockHarness(2);
  bench.worker(0).commit(64);
  bench.allow = [-constants.errno.EPIPE];
  bench.worker(0).lock.flush();
  assert.equal(word(bench, GLOBAL.wireDead), constants.errno.EPIPE);
  assert.equal(bench.worker(0).bells, 1);
  bench.worker(1).commit(64);
  bench.worker(1).lock.flush();
  bench.worker(0).lock.flush();
  assert.equal(bench.attempts, 1);
  bench.turn();
  assert.deepEqual(bench.events, ['gone EPIPE']);
  assert.equal(bench.sink.take().length, 0);
});

test('a lock that main wants is handed over on the boundary of a frame', () => {
  const bench = new LockHarness(3);
  for (const worker of bench.workers) worker.commit(64);
  let asked = false;
  bench.onWrite = () => {
    if (asked) return;
    asked = true;
    assert.equal(bench.main.tryAcquire(), false, 'a worker holds it');
  };
  bench.worker(0).lock.flush();
  assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
  assert.equal(word(bench, GLOBAL.resume), 0);
  assert.equal(bench.worker(0).bells, 1, 'main is told');
  assert.equal(bench.main.tryAcquire(), true);
  assert.equal(bench.main.held, true);
  assert.equal(word(bench, GLOBAL.mainWants), 0);
  bench.main.release();
  bench.turn();
  assert.deepEqual(wireOf(bench).sort(), ['0:0', '1:0', '2:0']);
});

test('main asks while the holder releases: the holder looks again and hands over', () => {
  const bench = new LockHarness(1);
  bench.worker(0).commit(64);
  // Main asks during the last write; no byte is pending afterwards, and the worker must not just let go.
  bench.onWrite = () => void bench.main.tryAcquire();
  bench.worker(0).lock.flush();
  assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
  assert.equal(bench.worker(0).bells, 1);
});

test('a revoked worker never writes again, and passes the lock on', () => {
  const bench = new LockHarness(2);
  assert.equal(bench.main.tryAcquire(), true);
  bench.main.revoke(0 as SlotNumber);
  bench.main.release();
  bench.worker(0).commit(64);
  bench.worker(1).commit(64);
  bench.worker(0).lock.flush();
  assert.equal(bench.attempts, 0);
  assert.equal(word(bench, GLOBAL.lock), LOCK_MAIN);
  bench.turn();
  assert.deepEqual(wireOf(bench), ['1:0']);
});

test('what a worker leaves half written is known: its ring, even if it dies before main looks', () => {
  const bench = new LockHarness(2);
  bench.worker(1).commit(4096);
  bench.allow = [1000];
  bench.worker(1).lock.flush();
  assert.equal(bench.main.inherit(1 as SlotNumber), 'none', 'the lock is main’s already');
  assert.equal(bench.main.tryAcquire(), true);
  assert.equal(bench.main.takeResume(), bench.main.rings[1]);
  assert.equal(bench.main.takeResume(), undefined, 'told once');
  assert.equal(bench.main.rings[1]?.pending, 3096);
});

test('a thread that died inside a write leaves the wire unknown, and one between two writes leaves it to main', () => {
  const bench = new LockHarness(1);
  const slot = 0 as SlotNumber;
  assert.equal(bench.main.inherit(slot), 'none', 'it held nothing');
  bench.worker(0).commit(64);
  const verdicts: string[] = [];
  bench.onWrite = () => {
    // What main would find if the thread died here.
    verdicts.push(bench.main.inherit(slot));
  };
  bench.worker(0).lock.flush();
  assert.deepEqual(verdicts, ['unknown']);
  bench.region.words[GLOBAL.lock] = slot + 1;
  assert.equal(bench.main.inherit(slot), 'inherited');
  assert.equal(bench.main.tryAcquire(), true);
});

test('a worker that dies between two frames of its ring is resumed by main without a gap', () => {
  const bench = new LockHarness(2);
  const base = bench.region.slotBase(0 as SlotNumber);
  bench.worker(0).commit(64);
  bench.worker(1).commit(64);
  class Death extends Error {}
  bench.onWrite = () => {
    throw new Death();
  };
  assert.throws(() => bench.worker(0).lock.flush(), Death);
  // It died before the call of write, so the intent would be seen; take the case of one instruction earlier.
  bench.region.words[base + SLOT.intent] = 0;
  assert.equal(bench.main.inherit(0 as SlotNumber), 'inherited');
  bench.turn();
  assert.deepEqual(wireOf(bench), ['0:0', '1:0']);
});
