import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServeOptions } from '../../src/main/options.ts';
import { OP } from '../../src/threads/messages.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { encodeOpenFrame } from '../../src/wire/frame-encoder.ts';
import { decodeHealthReport, decodeInitialized, type HealthReport } from '../../src/wire/payload-decode.ts';
import { encodeInitialize, encodeKvChange } from '../../src/wire/payload-encode.ts';
import { EventLog } from '../support/event-log.ts';
import { commitEnd } from '../support/fake-workers.ts';
import { MainHarness, type Task } from '../support/main-harness.ts';
import { idOf, MANIFEST } from '../support/module-facts.ts';

const IDLE_MS = 60_000;

/** One worker is awake, and the others are asleep. */
function awake(workers: number, options: Partial<ServeOptions> = {}): MainHarness {
  return new MainHarness({ workers, minWorkers: 1, idleMs: IDLE_MS, maxQueue: 0, ...options });
}

function open(number: number, method = 'echo'): Uint8Array {
  return encodeOpenFrame(idOf(number), { method });
}

function end(harness: MainHarness, task: Task): void {
  commitEnd(task.job, undefined);
  harness.settle(task);
}

async function health(harness: MainHarness): Promise<HealthReport> {
  harness.host(encodeEnvelope('health', 'h', EMPTY_PAYLOAD));
  const report = (await harness.take()).find(({ requestId }) => requestId === 'h');
  return decodeHealthReport(report?.payload ?? EMPTY_PAYLOAD);
}

test('workers that sleep count in Initialized, in health and as room for calls, and are missing nowhere', async () => {
  const harness = awake(4);
  harness.host(encodeEnvelope('initialize', 'i', encodeInitialize({})));
  const [initialized] = await harness.take();
  assert.equal(decodeInitialized(initialized?.payload ?? EMPTY_PAYLOAD).workers, 4);
  assert.equal(harness.links.started.length, 1);
  assert.equal((await health(harness)).workers, 4);
  harness.host(open(1), open(2), open(3), open(4));
  assert.deepEqual(await harness.takeBrief(), [], 'all four have a worker, awake or not');
  const waking = await health(harness);
  assert.deepEqual([waking.status, waking.workers, waking.busyWorkers], ['serving', 4, 1]);
  assert.equal(harness.links.started.length, 4);
  harness.host(open(5));
  assert.deepEqual(await harness.takeBrief(), ['5 resourceExhausted'], 'a fifth has none');
  harness.load();
  assert.deepEqual(
    harness.tasks.map(({ id }) => id),
    [1, 2, 3, 4].map(idOf),
  );
  const { workers, sleepingWorkers, missingWorkers, busyWorkers } = harness.stats;
  assert.deepEqual([workers, sleepingWorkers, missingWorkers, busyWorkers], [4, 0, 0, 4]);
  assert.deepEqual(harness.lines, []);
});

test('nobody is woken for calls that a worker has room for, or that wait for their method', () => {
  const limited = { name: 'limited', mode: 'sync', concurrency: 1 } as const;
  const harness = new MainHarness(
    { workers: 4, minWorkers: 1, streamsPerWorker: 2 },
    { ...MANIFEST, streams: { methods: [limited, { name: 'tail', mode: 'async' }] } },
  );
  harness.host(open(1, 'tail'), open(2, 'tail'));
  assert.equal(harness.links.started.length, 1, 'they share the one');
  for (const task of [...harness.tasks]) end(harness, task);
  harness.host(open(3, 'limited'), open(4, 'limited'), open(5, 'limited'));
  assert.equal(harness.links.started.length, 1);
  harness.host(open(6, 'tail'), open(7, 'tail'), open(8, 'tail'));
  assert.equal(harness.links.started.length, 3, 'three that share need two workers');
});

test('a worker that has had nothing to do sleeps, which is no death, and what comes while its thread ends wakes another', async (t) => {
  const log = new EventLog(t, ['workerExit', 'workerShort']);
  const harness = awake(2);
  harness.host(open(1), open(2));
  harness.load();
  for (const task of [...harness.tasks]) end(harness, task);
  harness.clock.advance(IDLE_MS - 1);
  assert.equal(harness.stats.sleepingWorkers, 0);
  harness.clock.advance(1);
  assert.deepEqual([harness.stats.workers, harness.stats.sleepingWorkers], [2, 1]);
  harness.host(open(3), open(4));
  assert.equal(harness.links.started.length, 3, 'the thread that ends is still there');
  harness.load();
  assert.deepEqual(
    harness.tasks.slice(2).map(({ id }) => id),
    [3, 4].map(idOf),
  );
  harness.clock.advance(1000);
  const ended = harness.links.started.filter(({ isTerminated }) => isTerminated);
  assert.equal(ended.length, 1);
  for (const link of ended) link.exit(1);
  const { workerRestarts, missingWorkers, workers } = harness.stats;
  assert.deepEqual([workerRestarts, missingWorkers, workers], [0, 0, 2]);
  assert.deepEqual(log.names, ['worker.exit']);
  const [exit] = log.of('workerExit');
  assert.deepEqual([exit?.asleep, exit?.jobs], [true, 0]);
  assert.match(exit?.how ?? '', /nothing to do for 60 s, and sleeps until calls wait/);
  assert.deepEqual(await harness.takeBrief(), [], 'no stream was lost');
  assert.deepEqual(harness.lines, []);
});

test('a worker that runs something does not sleep, however long it runs', () => {
  const harness = awake(2);
  harness.host(open(1), open(2));
  harness.load();
  harness.clock.advance(IDLE_MS * 10);
  assert.equal(harness.stats.sleepingWorkers, 0);
  assert.deepEqual(
    harness.links.started.map(({ isTerminated }) => isTerminated),
    [false, false],
  );
  end(harness, harness.task(0));
  harness.clock.advance(IDLE_MS);
  assert.equal(harness.stats.sleepingWorkers, 1, 'the one that runs is the minimum');
  assert.equal(harness.stats.busyWorkers, 1);
});

test('the idle time counts from the last call, however short that was', () => {
  const harness = awake(2);
  harness.host(open(1), open(2));
  harness.load();
  for (const task of [...harness.tasks]) end(harness, task);
  harness.clock.advance(IDLE_MS - 1);
  harness.host(open(3), open(4));
  for (const task of harness.tasks.slice(2)) end(harness, task);
  harness.clock.advance(IDLE_MS - 1);
  assert.equal(harness.stats.sleepingWorkers, 0);
  harness.clock.advance(1);
  assert.equal(harness.stats.sleepingWorkers, 1);
});

test('a worker whose module still handles a key-value change is not put to sleep', () => {
  const harness = awake(2, { lingerMs: 0 });
  harness.host(open(1), open(2));
  harness.load();
  for (const task of [...harness.tasks]) end(harness, task);
  harness.host(encodeEnvelope('kvChangeNotification', '', encodeKvChange({ key: 'k' })));
  harness.clock.advance(IDLE_MS);
  assert.equal(harness.stats.sleepingWorkers, 0);
  const change = encodeKvChange({ key: 'k' });
  for (const link of harness.links.started) link.say({ type: 'kvDone', bytes: change.length });
  harness.clock.advance(IDLE_MS);
  assert.equal(harness.stats.sleepingWorkers, 1);
});

test('a worker that wakes gets the configuration and all key-value changes before its call, as every new one does', () => {
  const harness = awake(2);
  const config = new Uint8Array([1, 2, 3]);
  harness.host(encodeEnvelope('initialize', 'i', encodeInitialize({ config })));
  for (const key of ['a', 'b'])
    harness.host(encodeEnvelope('kvChangeNotification', '', encodeKvChange({ key })));
  harness.host(open(1), open(2));
  harness.load();
  const { posted } = harness.task(1).link;
  assert.notEqual(harness.task(1).link, harness.task(0).link);
  assert.deepEqual(posted, [OP.init, OP.kv, OP.kv, OP.open]);
});

test('a wake that fails is told as a shortage, and its call starts once the worker that runs is free', async () => {
  const harness = awake(3, { maxQueue: 1 });
  harness.host(open(1));
  harness.links.fault = 'EAGAIN';
  harness.host(open(2));
  assert.deepEqual([harness.stats.missingWorkers, harness.stats.workers], [1, 2]);
  assert.match(harness.lines.join(), /missing workers: 1 of 3, .*EAGAIN/);
  end(harness, harness.task(0));
  assert.equal(harness.task(1).id, idOf(2));
  assert.deepEqual(await harness.takeBrief(), []);
  harness.findThreads();
  assert.match(harness.lines.at(-1) ?? '', /all 3 workers serve again/);
  assert.deepEqual([harness.stats.missingWorkers, harness.stats.workers], [0, 3]);
});

test('the last worker that is awake crashes: its stream is told, and what waits goes to the one that replaces it', async () => {
  const harness = awake(2, { maxQueue: 2 });
  harness.host(open(1));
  harness.crash(harness.task(0), 'the test ends it');
  harness.host(open(2));
  assert.deepEqual(await harness.takeBrief(), ['1 workerCrashed']);
  assert.equal(harness.task(1).id, idOf(2));
  assert.deepEqual([harness.links.started.length, harness.stats.sleepingWorkers], [2, 1]);
});

test('what waits as the module drains still wakes a worker, and from the close of the copies on none is put to sleep', async () => {
  const harness = awake(3);
  harness.host(open(1), open(2));
  harness.drain();
  harness.load();
  assert.equal(harness.tasks.length, 2);
  for (const task of [...harness.tasks]) end(harness, task);
  await harness.take();
  assert.deepEqual(harness.exits, [0], 'nobody waits for a worker that sleeps');
  assert.ok(harness.links.started.every(({ posted }) => posted.at(-1) === OP.close));
  harness.clock.advance(IDLE_MS * 2);
  assert.ok(harness.links.started.every(({ isTerminated }) => !isTerminated));
});
