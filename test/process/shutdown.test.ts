import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleProcess } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import {
  callForOne,
  endsWith,
  finishEcho,
  LIMIT,
  runningEcho,
  TRANSPORTS,
  untilBusy,
  within,
  WireTap,
} from './helpers.ts';

const GRACE_MS = 200;
const GRACE = ['--cancel-grace-ms', `${GRACE_MS}`];

for (const transport of TRANSPORTS) {
  test(
    `shutdown drains what is there, refuses what comes, and its answer is the last message, over ${transport}s`,
    LIMIT,
    async (t) => {
      const tap = new WireTap();
      const module = startModule(t, { transport, workers: 1, onWire: tap.record });
      const running = await runningEcho(module);
      const queued = module.openStream('echo');
      const [first, second] = [module.shutdown({ drainMs: 20_000 }), module.shutdown({ drainMs: 1 })];

      assert.equal((await module.health()).status, 'draining');
      await endsWith(module.openStream('echo'), 'unavailable');
      // Draining is checked before all else.
      await endsWith(module.openStream('nope', { deadline: 1 }), 'unavailable');
      await assert.rejects(module.request('echo', new Uint8Array(0)), { code: 'unavailable' });

      await running.send(Uint8Array.of(7));
      assert.deepEqual((await running.next()).value, Uint8Array.of(7));
      await finishEcho(running);
      await queued.send(Uint8Array.of(8));
      assert.deepEqual((await queued.next()).value, Uint8Array.of(8));
      assert.deepEqual([...tap.of('r1'), ...tap.of('r2')], [], 'shutdown is answered when all is drained');
      await finishEcho(queued);
      await Promise.all([first, second]);
      // Not a measure: half the drain time, for which nothing waits any more.
      const exit = await within(10_000, module.exited);
      assert.equal(exit.code, 0);
      assert.equal(exit.stderr, '');
      const last = tap.messages.slice(-2).map(({ type }) => type);
      assert.deepEqual(last, ['response', 'response']);
    },
  );
}

test('shutdown cancels what has not drained in time, running or queued', LIMIT, async (t) => {
  const module = startModule(t, { workers: 3, args: GRACE });
  const streams = [
    module.openStream('hang'),
    module.openStream('wait'),
    await runningEcho(module),
    module.openStream('echo'),
  ];
  const unary = module.request('echo', new Uint8Array(0));
  await untilBusy(module, 3);
  const ends = streams.map((stream) => endsWith(stream, 'cancelled'));
  const refused = assert.rejects(unary, { code: 'cancelled' });
  await within(100 + GRACE_MS + 1_000, module.shutdown({ drainMs: 100 }));
  await Promise.all([...ends, refused]);
  assert.equal((await module.exited).code, 0);
});

test('the end of the input cancels a drain that is under way', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, args: GRACE });
  const stream = await runningEcho(module);
  const shutdown = module.shutdown({ drainMs: 60_000 });
  module.endInput();
  await endsWith(stream, 'cancelled');
  await shutdown;
  assert.equal((await module.exited).code, 0);
});

test(
  'onInit has run before the first handler, with the config, and onClose runs when the module drains',
  LIMIT,
  async (t) => {
    const module = startModule(t, { file: built.fixture('hooks'), workers: 1 });
    await module.initialize({ config: Buffer.from('abc') });
    for (let round = 0; round < 2; round++) {
      assert.equal(Buffer.from(await callForOne(module, 'config')).toString(), "config 'abc'");
    }
    const exit = await module.close();
    assert.deepEqual([exit.code, exit.stderr], [0, "onClose ran, config 'abc'\n"]);
  },
);

test('onInit gets an empty config where the host has not initialised', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('hooks'), workers: 1 });
  assert.equal(Buffer.from(await callForOne(module, 'config')).toString(), "config ''");
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`${signal} drains as shutdown does and ends with ${code}`, LIMIT, async (t) => {
    const module = startModule(t, { workers: 1, args: ['--drain-ms', '20000'] });
    const stream = await runningEcho(module);
    module.kill(signal);
    await untilDraining(module);
    await endsWith(module.openStream('echo'), 'unavailable');
    await finishEcho(stream);
    assert.deepEqual(await endOf(module), [code, null]);
  });

  test(`${signal} twice ends at once with ${code}`, LIMIT, async (t) => {
    const module = startModule(t, {
      workers: 2,
      args: ['--drain-ms', '60000', '--cancel-grace-ms', '60000'],
    });
    const streams = [module.openStream('hang'), await runningEcho(module)];
    for (const stream of streams) stream.closed.catch(() => undefined);
    await untilBusy(module, 2);
    module.kill(signal);
    await untilDraining(module);
    module.kill(signal);
    // Half a second for the thread that hangs, and one for a slow machine.
    assert.deepEqual(await within(1_500, endOf(module)), [code, null]);
  });
}

test(
  'a second signal ends at once, although a worker that still loads was left the time of the first',
  LIMIT,
  async (t) => {
    const module = startModule(t, {
      file: built.fixture('loads-one'),
      workers: 2,
      args: ['--cancel-grace-ms', '60000'],
    });
    await module.initialize();
    // Not the same signal twice, because the system may deliver that once. Of two it may deliver either first.
    module.kill('SIGTERM');
    module.kill('SIGINT');
    const [code, signal] = await within(1_500, endOf(module));
    assert.ok(code === 143 || code === 130, `${code} ${signal}`);
  },
);

test('SIGTERM drains for as long as --drain-ms says, then cancels', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, args: ['--drain-ms', '100', ...GRACE] });
  const stream = module.openStream('hang');
  await untilBusy(module, 1);
  module.kill('SIGTERM');
  await within(100 + GRACE_MS + 1_000, endsWith(stream, 'cancelled'));
  assert.deepEqual(await endOf(module), [143, null]);
});

/** The signal has arrived; each look is a question to main and its answer. */
async function untilDraining(module: ModuleProcess): Promise<void> {
  while ((await module.health()).status !== 'draining');
}

async function endOf(module: ModuleProcess): Promise<[number | null, NodeJS.Signals | null]> {
  const { code, signal } = await module.exited;
  return [code, signal];
}
