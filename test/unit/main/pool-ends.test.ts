import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPTIONS } from '../../../src/main/options.ts';
import { Outlet } from '../../../src/main/output/outlet.ts';
import { WorkerPool } from '../../../src/main/workers/pool.ts';
import type { PoolWorker } from '../../../src/main/workers/pool-worker.ts';
import { Region } from '../../../src/shared-memory/region.ts';
import { RingProducer } from '../../../src/shared-memory/outbound-ring.ts';
import { MainWriteLock, WorkerWriteLock } from '../../../src/shared-memory/write-lock.ts';
import { EMPTY_CONTEXT } from '../../../src/wire/context.ts';
import { TestClock } from '../../../src/testing/test-clock.ts';
import { FakeLinks, type FakeLink } from '../../support/fake-links.ts';
import { MANIFEST } from '../../support/module-facts.ts';

const LINGER_MS = 10_000;
/** Longer than a thread's loop is watched. */
const WATCHED_MS = 100;

/** The pool over threads that are the test's, of which the first `loaded` have loaded, all by default. */
class Pooled {
  readonly clock = new TestClock(0);
  readonly links = new FakeLinks();
  readonly told: string[] = [];
  readonly pool: WorkerPool;
  readonly #region: Region;

  constructor(workers: number, maxLingering: number, loaded = workers) {
    const region = (this.#region = Region.allocate(workers + maxLingering, workers + maxLingering));
    const lock = new MainWriteLock(region);
    const outlet = new Outlet(
      lock,
      { write: (_bytes, done) => done() },
      { onRoom: () => {}, onGone: () => {}, onWritten: () => {}, onUnreadAnswers: () => {} },
    );
    this.pool = new WorkerPool(
      { ...DEFAULT_OPTIONS, file: '/module.js', workers, loadsAtOnce: workers, lingerMs: LINGER_MS },
      { links: this.links, region, lock, outlet, clock: this.clock },
      {
        onStarted: () => {},
        onLoaded: () => {},
        onBadModule: (why) => this.told.push(`bad module: ${why}`),
        onWorkerMessage: (worker, message) => {
          if (message.type === 'settled') worker.running--;
          this.told.push(message.type);
          this.pool.endIdle();
        },
        onRevoked: () => this.told.push('revoked'),
        onExited: (_worker, how) => this.told.push(`exited: ${how}`),
        onWireUnknown: () => this.told.push('wire unknown'),
        onShort: ({ why }) => this.told.push(`short: ${why}`),
        onFull: () => this.told.push('full'),
        onNone: () => this.told.push('none'),
      },
    );
    this.pool.start();
    for (const link of this.links.started.slice(0, loaded)) link.load(MANIFEST);
  }

  /** A handler begins on the worker that was started at this place in the order. */
  run(at: number): PoolWorker {
    const worker = [...this.pool.workers][at];
    if (worker === undefined) throw new Error(`no worker ${at}`);
    worker.running++;
    worker.isInitialised = true;
    return worker;
  }

  /** The handler of that worker is cut off in the middle of a write, with the lock in its hands. */
  cutOffWriting(at: number): void {
    const { slot } = this.link(at);
    new RingProducer(this.#region, slot).commit(new Uint8Array(8));
    const write = (): never => assert.fail('cut off');
    const lock = new WorkerWriteLock(this.#region, slot, write, () => {});
    assert.throws(() => lock.flush(), /cut off/);
  }

  link(at: number): FakeLink {
    const link = this.links.started[at];
    if (link === undefined) throw new Error(`no thread ${at}`);
    return link;
  }
}

test('a worker whose thread waits is replaced at once, and the thread is left until its handlers have ended', () => {
  const p = new Pooled(1, 1);
  p.pool.end(p.run(0), 'the test ends it');
  assert.equal(p.links.started.length, 2, 'its replacement starts');
  p.clock.advance(WATCHED_MS);
  assert.deepEqual([p.link(0).isTerminated, p.pool.lingering, p.pool.serving], [false, 1, 0]);
  p.link(1).load(MANIFEST);
  assert.equal(p.pool.serving, 1);
  p.clock.advance(LINGER_MS / 2);
  assert.equal(p.link(0).isTerminated, false);
  p.link(0).say({ type: 'settled', jobId: 1 });
  assert.equal(p.link(0).isTerminated, true);
});

test('a thread that computes is ended at once', () => {
  const p = new Pooled(1, 1);
  p.pool.end(p.run(0), 'the test ends it');
  p.link(0).activity = 1;
  p.clock.advance(WATCHED_MS);
  assert.deepEqual([p.link(0).isTerminated, p.pool.lingering], [true, 0]);
});

test('a thread that outstays its time is ended', () => {
  const p = new Pooled(1, 1);
  p.pool.end(p.run(0), 'the test ends it');
  p.clock.advance(LINGER_MS - 1);
  assert.equal(p.link(0).isTerminated, false);
  p.clock.advance(1);
  assert.equal(p.link(0).isTerminated, true);
});

test('without a slot to spare a replacement waits, and the thread that is left is not ended for it', () => {
  const p = new Pooled(2, 1);
  p.pool.end(p.run(0), 'the test ends it');
  p.pool.end(p.run(1), 'the test ends it');
  p.clock.advance(WATCHED_MS);
  assert.equal(p.links.started.length, 3, 'one of the two is replaced');
  assert.deepEqual([p.link(0).isTerminated, p.link(1).isTerminated], [false, false]);
  p.link(0).exit(0);
  assert.equal(p.links.started.length, 4);
  assert.equal(p.link(3).slot, p.link(0).slot);
});

test('a thread that has nothing to do and must go lingers, too: what its module left behind may be native', () => {
  const p = new Pooled(1, 1);
  p.link(0).say({ type: 'retire' });
  assert.equal(p.links.started.length, 1, 'it had run nothing: the next one waits a moment');
  p.clock.advance(WATCHED_MS);
  assert.deepEqual([p.link(0).isTerminated, p.pool.lingering, p.links.started.length], [false, 1, 2]);
  p.clock.advance(1000 - WATCHED_MS);
  assert.equal(p.link(0).isTerminated, true, 'for a second: such ends may follow one another');
});

test('a thread that is killed is not left to finish', () => {
  const p = new Pooled(1, 1);
  p.run(0);
  p.pool.kill(p.link(0).slot, 'the test kills it');
  assert.equal(p.link(0).isTerminated, true);
});

test('nothing that a handler asks of the host after its revoke is sent', () => {
  const p = new Pooled(1, 1);
  const request = {
    type: 'service',
    sequence: 1,
    service: 's',
    method: 'm',
    body: new Uint8Array(0),
    context: EMPTY_CONTEXT,
  } as const;
  const worker = p.run(0);
  p.link(0).say(request);
  p.pool.end(worker, 'the test ends it');
  p.link(0).say(request);
  assert.deepEqual(p.told, ['service', 'revoked']);
});

test('at the end of the process a thread that waits has what time there is, and others none', async () => {
  const p = new Pooled(3, 1);
  p.run(0);
  p.run(1);
  p.link(1).activity = 1;
  const destroyed = p.pool.destroy(250);
  assert.deepEqual(
    [0, 1, 2].map((at) => p.link(at).isTerminated),
    [false, false, true],
  );
  p.clock.advance(WATCHED_MS);
  assert.deepEqual(
    [0, 1].map((at) => p.link(at).isTerminated),
    [false, true],
  );
  p.clock.advance(150);
  assert.equal(p.link(0).isTerminated, true);
  for (const at of [0, 1, 2]) p.link(at).exit(1);
  await destroyed;
  assert.equal(p.links.started.length, 3, 'nobody is replaced');
});

test('a thread that is waited for at the end goes as soon as its handlers have ended', () => {
  const p = new Pooled(1, 1);
  p.run(0);
  void p.pool.destroy(250);
  p.clock.advance(WATCHED_MS);
  p.link(0).say({ type: 'settled', jobId: 1 });
  assert.equal(p.link(0).isTerminated, true);
});

test('a thread that still loads at the end has what time there is, and goes as soon as it has loaded', async () => {
  const p = new Pooled(3, 0, 1);
  const destroyed = p.pool.destroy(250);
  p.clock.advance(WATCHED_MS);
  const ended = (): boolean[] => p.links.started.map((link) => link.isTerminated);
  assert.deepEqual(ended(), [true, false, false], 'work that a load has begun may be native');
  p.link(1).load(MANIFEST);
  assert.deepEqual(ended(), [true, true, false]);
  p.link(2).failLoad('the test says so');
  p.clock.advance(149);
  assert.equal(p.link(2).isTerminated, false);
  p.clock.advance(1);
  assert.equal(p.link(2).isTerminated, true, 'a load that fails gets no more time than one that hangs');
  for (const link of p.links.started) link.exit(1);
  await destroyed;
});

test('an end that becomes urgent leaves the threads less time', async () => {
  const p = new Pooled(2, 0, 1);
  p.run(0);
  const destroyed = p.pool.destroy(5000);
  p.clock.advance(WATCHED_MS);
  void p.pool.destroy(250);
  p.clock.advance(249);
  const ended = (): boolean[] => p.links.started.map((link) => link.isTerminated);
  assert.deepEqual(ended(), [false, false]);
  p.clock.advance(1);
  assert.deepEqual(ended(), [true, true]);
  for (const link of p.links.started) link.exit(1);
  await destroyed;
});

test('a thread that fails before it has booted says nothing of the module, and one that fails after does', () => {
  const p = new Pooled(1, 0);
  p.run(0);
  p.link(0).exit(7);
  p.link(1).exit(1, 'EMFILE');
  assert.match(p.told.at(-2) ?? '', /a worker thread could not start: EMFILE/);
  p.clock.advance(0);
  p.link(2).failLoad('syntax error');
  assert.equal(p.pool.shortage?.why, 'syntax error');
});

test('tries that fail leave room for the next one: their threads are not left for long', () => {
  const p = new Pooled(1, 4);
  p.run(0);
  p.link(0).exit(7);
  for (let at = 1; at <= 7; at++) {
    p.link(at).failLoad('the file is away');
    while (p.links.started.length === at + 1 && p.clock.now() < 60_000) {
      p.clock.advance(100);
      for (const link of p.links.started) if (link.isTerminated) link.exit(1);
    }
  }
  // The pauses alone: 0, 100, 200 … 3200 ms.
  assert.ok(p.clock.now() <= 7000, `seven tries took ${p.clock.now()} ms`);
});

test('the end of the process does not wait for a thread that has died while it wrote', async () => {
  const p = new Pooled(2, 0);
  p.cutOffWriting(0);
  p.link(0).exit(1);
  assert.deepEqual(p.told, ['wire unknown']);
  const destroyed = p.pool.destroy(0).then(() => 'destroyed');
  p.link(1).exit(1);
  assert.equal(await Promise.race([destroyed, new Promise(setImmediate)]), 'destroyed');
});

test('the end of the process does not wait for a thread that is gone while main waits for the lock', async () => {
  const p = new Pooled(2, 0);
  p.cutOffWriting(1);
  p.run(0);
  p.link(0).exit(1);
  assert.deepEqual(p.told, [], 'its streams are ended under the lock');
  const destroyed = p.pool.destroy(0).then(() => 'destroyed');
  p.link(1).exit(1);
  assert.equal(await Promise.race([destroyed, new Promise(setImmediate)]), 'destroyed');
});
