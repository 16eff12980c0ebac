import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModule } from '../support/module.ts';
import {
  callForOne,
  endsWith,
  finishEcho,
  LIMIT,
  runningEcho,
  untilBusy,
  within,
  WireTap,
} from './helpers.ts';
import { onMain, preloading } from './preload.ts';

/** What main throws once somebody sends it SIGUSR2, in each of the ways that reach nobody. */
const WAYS = {
  'an exception': `process.on('SIGUSR2', () => { throw new RangeError('nobody foresaw this'); });`,
  'a rejection': `process.on('SIGUSR2', () => { Promise.reject(new RangeError('nobody foresaw this')); });`,
  'a value without a text': `process.on('SIGUSR2', () => { throw Object.create(null); });`,
};

for (const [what, code] of Object.entries(WAYS)) {
  test(
    `${what} that nobody catches on main ends every call with internal, and the process with 70 and a line`,
    LIMIT,
    async (t) => {
      const tap = new WireTap();
      const module = startModule(t, { workers: 3, env: onMain(code), onWire: tap.record });
      const streams = [
        await runningEcho(module),
        module.openStream('hang'),
        module.openStream('wait'),
        module.openStream('echo'),
      ];
      const unary = assert.rejects(module.request('echo', new Uint8Array(0)), { code: 'internal' });
      await untilBusy(module, 3);
      const ends = streams.map((stream) => endsWith(stream, 'internal'));
      process.kill(module.pid ?? 0, 'SIGUSR2');
      const exit = await within(3_000, module.exited);
      const messages = await Promise.all(ends);
      await unary;
      assert.deepEqual([exit.code, exit.signal], [70, null]);
      for (const message of messages) assert.match(message, /^the module’s main thread failed: [^\n]+$/);
      for (const { id } of streams) assert.deepEqual(tap.terminals(id), ['error internal']);
      assert.match(
        exit.stderr,
        /^ixt-module: the main thread failed, every stream ends with it; please report this: /,
      );
      assert.equal(exit.stderr.trim().split('\n').length, 1, exit.stderr);
    },
  );
}

test('main fails while the host reads nothing: the process ends all the same', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, env: onMain(WAYS['an exception']) });
  const metadata = { count: '100000', size: '65536' };
  const stream = module.openStream('source', { metadata, initialCredit: 0x7fff_ffff });
  await stream.next();
  module.child?.stdout?.pause();
  process.kill(module.pid ?? 0, 'SIGUSR2');
  assert.equal((await within(3_000, module.exited)).code, 70);
});

test(
  'a subscriber that throws, at once or later, ends nothing, on main and on a worker',
  LIMIT,
  async (t) => {
    const names = [
      'stream.open',
      'stream.start',
      'stream.end',
      'worker.ready',
      'worker.exit',
      'stats',
      'print',
    ];
    names.push('handler.start', 'handler.firstByte', 'handler.stall', 'handler.resume', 'handler.end');
    const env = preloading(`
    import { subscribe } from 'node:diagnostics_channel';
    for (const name of ${JSON.stringify(names)}) {
      subscribe('ixt-sdk:' + name, () => { throw new Error('a bad subscriber of ' + name); });
      subscribe('ixt-sdk:' + name, async () => { throw new Error('a bad subscriber of ' + name); });
      subscribe('ixt-sdk:' + name, () => setTimeout(() => { throw new Error('a bad subscriber of ' + name); }));
    }`);
    const module = startModule(t, { workers: 1, env });
    for (let round = 0; round < 20; round++) await finishEcho(await runningEcho(module));
    await callForOne(module, 'print', { metadata: { how: 'console' } });
    const { code, stderr } = await module.close();
    assert.equal(code, 0);
    for (const where of ['the main thread', 'a worker']) {
      assert.match(
        stderr,
        new RegExp(`a subscriber of a diagnostics channel threw on ${where}: Error: a bad subscriber of `),
      );
    }
    // Three throw for each event, and some 20 streams have eight events each.
    assert.ok(
      (stderr.match(/a bad subscriber/g) ?? []).length < 40,
      'a subscriber that always throws fills no disk',
    );
    assert.doesNotMatch(stderr, /main thread failed|uncaught failure/);
  },
);
