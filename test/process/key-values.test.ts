import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostStream, ModuleProcess } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { callForOne, endsWith, finishEcho, LIMIT, runningEcho, TRANSPORTS, uint64Of } from './helpers.ts';

function notify(module: ModuleProcess, count: number): void {
  for (let index = 0; index < count; index++) {
    module.notifyKv({ key: `k${index}`, operation: 'set', value: Uint8Array.of(index), version: index });
  }
}

/** What each of two workers' copies has seen: while one is held by an echo, the other is asked. */
async function seenByBoth(module: ModuleProcess): Promise<bigint[]> {
  const [first, second] = [await runningEcho(module), await runningEcho(module)];
  await finishEcho(first);
  const ofFirst = uint64Of(await callForOne(module, 'kv'));
  const again = await runningEcho(module);
  await finishEcho(second);
  const ofSecond = uint64Of(await callForOne(module, 'kv'));
  await finishEcho(again);
  return [ofFirst, ofSecond];
}

for (const transport of TRANSPORTS) {
  test(
    `every change before an Open was seen by the copy that serves it, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, { transport, workers: 2 });

      await t.test('also changes that came before the module was loaded', async () => {
        notify(module, 7);
        assert.equal(uint64Of(await callForOne(module, 'kv')), 7n);
        assert.deepEqual(await seenByBoth(module), [7n, 7n]);
      });

      await t.test('also changes that came while both workers were busy', async () => {
        const busy = [await runningEcho(module), await runningEcho(module)];
        notify(module, 500);
        const asked = callForOne(module, 'kv');
        for (const stream of busy) await finishEcho(stream);
        assert.equal(uint64Of(await asked), 507n);
        assert.deepEqual(await seenByBoth(module), [507n, 507n]);
      });
    },
  );
}

test('a change that came while a worker was being replaced is seen by its successor', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  await finishEcho(await runningEcho(module));
  await endsWith(module.openStream('exit'), 'workerCrashed');
  notify(module, 3);
  assert.equal(uint64Of(await callForOne(module, 'kv')), 3n);
});

test('more changes than may wait for a busy worker leave the last one of each key', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('hooks'), workers: 1 });
  const stream = module.openStream('seen');
  await stream.next();
  for (let version = 1; version <= 5_000; version++) {
    module.notifyKv({ key: `k${version % 10}`, operation: 'set', value: Buffer.from(`${version}`), version });
  }
  await finishSeen(stream);
  const after = module.openStream('seen');
  const [seen] = await finishSeen(after);
  assert.ok(seen);
  // The last of each key is there, in the order of the changes, and nothing came twice.
  const lastTen = Array.from({ length: 10 }, (_, index) => 4_991 + index).map(
    (v) => `set k${v % 10}=${v} v${v}`,
  );
  assert.deepEqual(seen.slice(-10), lastTen);
  const versions = seen.map((line) => Number(line.slice(line.lastIndexOf('v') + 1)));
  assert.deepEqual(
    versions,
    [...new Set(versions)].toSorted((a, b) => a - b),
  );
});

test(
  'a change has its key, operation, value and version, and a hook that throws hurts nobody',
  LIMIT,
  async (t) => {
    const module = startModule(t, { file: built.fixture('hooks'), workers: 1 });
    module.notifyKv({ key: 'ä', operation: 'set', value: Buffer.from('wert'), version: 2n ** 64n - 1n });
    module.notifyKv({ key: 'throws', operation: 'delete' });
    module.notifyKv({ key: '', operation: 'delete', version: 3 });
    const [seen] = await finishSeen(module.openStream('seen'));
    assert.deepEqual(seen, ['set ä=wert v18446744073709551615', 'delete throws= v0', 'delete = v3']);
    const { stderr } = await module.close();
    assert.match(stderr, /onKvChange has thrown/);
  },
);

/** Ends a `seen` stream; what it had seen, once or twice. */
async function finishSeen(stream: HostStream): Promise<string[][]> {
  stream.end();
  const told: string[][] = [];
  for await (const data of stream) {
    told.push((JSON.parse(Buffer.from(data).toString()) as { seen: string[] }).seen);
  }
  return told;
}
