import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { defineModule, type StreamHandlers } from '../../src/index.ts';
import { testModule, type TestModule, type TestModuleOptions } from '../../src/testing/index.ts';
import type { ServiceCall } from '../../src/host/index.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { EventLog } from '../support/event-log.ts';
import { MainHarness } from '../support/main-harness.ts';
import { idOf } from '../support/module-facts.ts';
import { commitEnd } from '../support/fake-workers.ts';

const module = defineModule({
  name: 'watched',
  version: '1.0.0',
  onServerStream: {
    async *echo(stream) {
      for await (const chunk of stream) yield chunk;
    },
    async deaf() {
      await new Promise(() => {});
    },
    async asks(stream) {
      await stream.services.request('kv', 'get', new Uint8Array(0));
    },
  },
});

/** A test that fails must not leave the module behind. */
async function start(t: TestContext, options: TestModuleOptions = {}): Promise<TestModule> {
  const m = await testModule<StreamHandlers>(module, options);
  t.after(() => m.close());
  return m;
}

test('the life of a stream, on main and in its handler', async (t) => {
  const log = new EventLog(t);
  const m = await start(t);
  const stream = m.open('echo', { caller: 'secret' });
  await stream.send(Uint8Array.of(1));
  await stream.send(Uint8Array.of(2));
  stream.end();
  await stream.outcome;
  await m.settled();
  assert.deepEqual(log.names, [
    'worker.ready',
    'stream.open',
    'stream.start',
    'handler.start',
    'handler.firstByte',
    'handler.end',
    'stream.end',
  ]);
  const [end] = log.of('streamEnd');
  assert.deepEqual([end?.id, end?.code, end?.context?.method], [stream.id, 'close', 'echo']);
  assert.equal(JSON.stringify([...log.of('streamOpen'), end]).includes('secret'), false);
  assert.deepEqual(m.stats().cancelLatency, { count: 0, totalMs: 0, maxMs: 0 });
  await m.close();
  assert.equal(log.names.at(-1), 'stats', 'the last figures');
});

test('waits are told from their beginning to their end, queue and credit alike', async (t) => {
  const log = new EventLog(t);
  const m = await start(t);
  const first = m.open('echo', { initialCredit: 0 });
  const second = m.open('echo');
  await first.send(Uint8Array.of(1));
  await m.advance(300);
  assert.deepEqual(
    log.of('streamOpen').map(({ queued }) => queued),
    [0, 1],
    'the first starts at once',
  );
  assert.deepEqual(
    log.of('handlerStall').map(({ id, on }) => [id, on]),
    [[first.id, 'credit']],
  );
  assert.equal(log.of('handlerResume').length, 0);
  first.grant(1000);
  first.end();
  await first.outcome;
  second.end();
  await second.outcome;
  assert.deepEqual(
    log.of('handlerResume').map(({ id, on }) => [id, on]),
    [[first.id, 'credit']],
  );
  assert.deepEqual(
    log.of('streamStart').map(({ queuedMs }) => queuedMs),
    [0, 300],
  );
  // The host may know of an end before main does.
  await m.settled();
  const { queueWait, creditStall, ringStall, opened, run } = m.stats();
  assert.deepEqual(queueWait, { count: 2, totalMs: 300, maxMs: 300 });
  assert.deepEqual(run, { count: 2, totalMs: 300, maxMs: 300 });
  assert.equal(creditStall.count, 1);
  assert.equal(ringStall.count, 0);
  assert.equal(opened, 2);
});

test('a cancel is told where it is seen, with its latency, and a handler that ignores it costs its worker', async (t) => {
  const log = new EventLog(t);
  const m = await start(t, { cancelGraceMs: 400 });
  const running = m.open('deaf');
  const queued = m.open('deaf');
  await m.settled();
  queued.cancel('not now');
  running.cancel('enough');
  await m.advance(400);
  assert.deepEqual((await running.outcome).code, 'cancelled');
  assert.deepEqual(
    log.of('streamStop').map(({ id, cause, reason, isRunning }) => [id, cause, reason, isRunning]),
    [
      [queued.id, 'cancelled', 'cancelled by the host: not now', false],
      [running.id, 'cancelled', 'cancelled by the host: enough', true],
    ],
  );
  assert.deepEqual(
    log.of('streamEnd').map(({ id, code, openMs }) => [id, code, openMs]),
    [
      [queued.id, 'cancelled', 0],
      [running.id, 'cancelled', 400],
    ],
  );
  assert.deepEqual(log.of('handlerEnd'), [], 'the thread was ended under the handler');
  assert.deepEqual([m.stats().ended, m.stats().refused], [{ cancelled: 2 }, {}]);
});

test('a refused Open ends without having been open, and counts by its code', async (t) => {
  const log = new EventLog(t, ['streamOpen', 'streamEnd']);
  const m = await start(t);
  await m.open('nothing').outcome;
  assert.deepEqual(log.names, ['stream.end']);
  const [end] = log.of('streamEnd');
  assert.deepEqual([end?.code, end?.context?.method, end?.openMs], ['methodNotFound', 'nothing', undefined]);
  const { ended, refused, opened, openStreams } = m.stats();
  assert.deepEqual([ended, opened, openStreams], [{ methodNotFound: 1 }, 0, 0]);
  assert.deepEqual(refused, ended);
});

test('every Open has one end, whatever becomes of it', async (t) => {
  const log = new EventLog(t, ['streamOpen', 'streamEnd']);
  const harness = new MainHarness({ maxQueue: 1 });
  const open = (number: number): void => harness.host(encodeOpenFrame(idOf(number), { method: 'echo' }));
  // Runs, waits, finds the queue full.
  for (const number of [1, 2, 3]) open(number);
  const ended = (): string[] => log.of('streamEnd').map(({ id, code }) => `${Number(`0x${id}`)} ${code}`);
  assert.deepEqual(ended(), [`${Number(`0x${idOf(3)}`)} resourceExhausted`]);
  const [first] = harness.tasks;
  assert.ok(first);
  commitEnd(first.job, { code: 'handlerFailed', message: 'boom' });
  // Main looks when something comes for the id, and once more when the handler has settled.
  harness.host(new FrameEncoder(idOf(1)).credit(5));
  assert.equal(ended().length, 2);
  harness.main.onHostGone();
  harness.settle(first);
  assert.deepEqual(ended().slice(1), [
    `${Number(`0x${idOf(1)}`)} handlerFailed`,
    `${Number(`0x${idOf(2)}`)} cancelled`,
  ]);
  assert.equal(log.of('streamOpen').length, 2);
  assert.deepEqual(harness.stats.ended, {
    resourceExhausted: 1,
    handlerFailed: 1,
    cancelled: 1,
  });
});

test('an Open that no worker can serve was never open', async (t) => {
  const log = new EventLog(t, ['streamOpen', 'streamEnd']);
  const harness = new MainHarness();
  harness.loseThreads('no thread can start');
  harness.host(encodeOpenFrame(idOf(1), { method: 'echo' }));
  assert.deepEqual(log.names, ['stream.end']);
  assert.deepEqual(
    log.of('streamEnd').map(({ code, openMs }) => [code, openMs]),
    [['unavailable', undefined]],
  );
});

test('cancel latency is from the decision to the handler’s real end', async () => {
  const harness = new MainHarness();
  harness.host(encodeOpenFrame(idOf(1), { method: 'echo' }));
  const task = harness.task(0);
  harness.clock.advance(50);
  harness.host(new FrameEncoder(idOf(1)).cancel('over'));
  harness.clock.advance(20);
  commitEnd(task.job, undefined);
  harness.clock.advance(5);
  harness.settle(task);
  const { cancelLatency, run, ended } = harness.stats;
  assert.deepEqual(cancelLatency, { count: 1, totalMs: 25, maxMs: 25 });
  assert.deepEqual(run, { count: 1, totalMs: 75, maxMs: 75 });
  assert.deepEqual(ended, { cancelled: 1 });
});

test('the trace goes on with what a handler asks of its host', async (t) => {
  const calls: ServiceCall[] = [];
  const m = await start(t, {
    onService: (call) => {
      calls.push(call);
      return new Uint8Array(0);
    },
  });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const stream = m.open('asks', { traceparent, tracestate: 'vendor=1' });
  await stream.outcome;
  assert.deepEqual(
    calls.map(({ context }) => [context.traceparent, context.tracestate]),
    [[traceparent, 'vendor=1']],
  );
});

test('figures without a stream are figures', async (t) => {
  const m = await start(t, { workers: 2 });
  const { framesIn, bytesIn, workers, busyWorkers, mainDelay, ...stats } = m.stats();
  assert.deepEqual([framesIn, workers, busyWorkers], [1, 2, 0], 'initialize');
  assert.ok(bytesIn > 0);
  assert.equal(mainDelay, undefined, 'nothing is measured before the first look');
  assert.deepEqual([stats.opened, stats.ended, stats.droppedLogs, stats.workerRestarts], [0, {}, 0, 0]);
});

test('main keeps the context of a stream that runs for who listened when it began', async (t) => {
  const harness = new MainHarness({ workers: 2 });
  harness.host(encodeOpenFrame(idOf(1), { method: 'echo', caller: 'early' }));
  const log = new EventLog(t);
  harness.host(encodeOpenFrame(idOf(2), { method: 'echo', caller: 'late' }));
  for (const dispatched of harness.tasks) {
    commitEnd(dispatched.job, undefined);
    harness.settle(dispatched);
  }
  assert.deepEqual(
    log.of('streamEnd').map(({ id, context }) => [id, context?.method, context?.caller]),
    [
      [idOf(1), '', ''],
      [idOf(2), 'echo', 'late'],
    ],
  );
});
