import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModule } from '../support/module.ts';
import { call, callForOne, collect, endsWith, finishEcho, LIMIT, runningEcho, uint64Of } from './helpers.ts';

test('opens beyond the workers wait in a queue of bounded length', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, args: ['--max-queue', '1'] });
  const running = await runningEcho(module);

  await t.test('one more than fits is refused at once, with the depth of the queue', async () => {
    const queued = module.openStream('echo');
    assert.match(await endsWith(module.openStream('echo'), 'resourceExhausted'), /\b1\b/);
    const { openStreams, queuedOpens, busyWorkers } = await module.health();
    assert.deepEqual([openStreams, queuedOpens, busyWorkers], [2, 1, 1]);
    await finishEcho(running);
    await queued.send(Uint8Array.of(2));
    assert.deepEqual((await queued.next()).value, Uint8Array.of(2));
    await finishEcho(queued);
  });

  await t.test('a queued stream is cancelled at once, and its place is free again', async () => {
    const first = await runningEcho(module);
    for (let round = 0; round < 50; round++) {
      const queued = module.openStream('echo');
      queued.cancel('changed my mind');
      assert.match(await endsWith(queued, 'cancelled'), /changed my mind/);
    }
    await finishEcho(first);
  });

  await t.test('a queued stream whose deadline passes never starts', async () => {
    const first = await runningEcho(module);
    const deadline = Date.now() + 80;
    await endsWith(module.openStream('exit', { deadline }), 'deadlineExceeded');
    assert.ok(Date.now() >= deadline);
    await finishEcho(first);
  });

  await t.test('a deadline that has passed already never starts either', async () => {
    await endsWith(module.openStream('exit', { deadline: Date.now() - 1 }), 'deadlineExceeded');
    await endsWith(module.openStream('exit', { deadline: 1 }), 'deadlineExceeded');
    // The method is checked before the deadline.
    await endsWith(module.openStream('nope', { deadline: 1 }), 'methodNotFound');
  });

  await t.test('what the host sends to a queued stream is kept for it', async () => {
    const first = await runningEcho(module);
    const input = Array.from({ length: 100 }, (_, index) => new Uint8Array(index));
    const answer = call(module, 'sink', { input });
    assert.equal((await module.health()).queuedOpens, 1);
    await finishEcho(first);
    const [total] = await answer;
    assert.ok(total);
    assert.equal(uint64Of(total), 4_950n);
  });

  await t.test('credit that the host grants to a queued stream counts when it runs', async () => {
    const first = await runningEcho(module);
    const metadata = { count: '4', size: '100' };
    const queued = module.openStream('source', { metadata, initialCredit: 0, autoCredit: false });
    // Three frames: a balance of 1 is enough for the third.
    queued.grant(1);
    queued.grant(200);
    await finishEcho(first);
    for (let taken = 0; taken < 3; taken++) assert.equal((await queued.next()).done, false);
    // The third frame took the balance to -99.
    queued.grant(100);
    assert.equal((await collect(queued)).length, 1);
  });
});

test('a host that opens before the module is loaded is served in order', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const total = await callForOne(module, 'sink', { input: [new Uint8Array(index)] });
      order.push(Number(uint64Of(total)));
    }),
  );
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test(
  'a module that may not queue serves what its workers can take, also before they are loaded',
  LIMIT,
  async (t) => {
    const module = startModule(t, { workers: 2, args: ['--max-queue', '0'] });
    const [first, second, third] = [
      module.openStream('echo'),
      module.openStream('echo'),
      module.openStream('echo'),
    ];
    await endsWith(third, 'resourceExhausted');
    await Promise.all([finishEcho(first), finishEcho(second)]);
    // A stream holds its place until its handler has really ended, a moment after its terminal frame.
    while ((await module.health()).openStreams > 0);
    const running = [await runningEcho(module), await runningEcho(module)];
    await endsWith(module.openStream('echo'), 'resourceExhausted');
    for (const stream of running) await finishEcho(stream);
  },
);
