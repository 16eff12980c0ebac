import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostStream, ModuleProcess } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { endsWith, finishEcho, LIMIT } from './helpers.ts';

test('streams that share a worker die with it; those on other workers do not', LIMIT, async (t) => {
  const args = ['--streams-per-worker', '3', '--cancel-grace-ms', '200'];
  const module = startModule(t, { file: built.fixture('shared-worker'), workers: 2, args });

  await t.test('what a worker sent before it died arrives ahead of the error', async () => {
    const stream = module.openStream('send-and-exit');
    for (let index = 0; index < 100; index++)
      assert.deepEqual((await stream.next()).value, Uint8Array.of(index));
    await endsWith(stream, 'workerCrashed');
  });

  await t.test('a handler that exits takes its neighbours along', async () => {
    const { victim, near, far } = await placed(module, 'exit-later');
    await victim.send(Uint8Array.of(1));
    await Promise.all([victim, ...near].map((stream) => endsWith(stream, 'workerCrashed')));
    await echoes(far);
  });

  await t.test(
    'a handler that ignores its cancel takes its neighbours along, after the grace time',
    async () => {
      const { victim, near, far } = await placed(module, 'hang-later');
      await victim.send(Uint8Array.of(1));
      victim.cancel('enough');
      const [, ...messages] = await Promise.all([
        endsWith(victim, 'cancelled'),
        ...near.map((stream) => endsWith(stream, 'workerCrashed')),
      ]);
      for (const message of messages) assert.match(message, /worker/);
      await echoes(far);
    },
  );

  await t.test('a handler whose own failure surfaces outside its call fails alone', async () => {
    const { victim, near, far } = await placed(module, 'throw-aside');
    await victim.send(Uint8Array.of(1));
    assert.equal(await endsWith(victim, 'handlerFailed'), 'thrown aside');
    await echoes([...near, ...far]);
  });
});

interface Placed {
  readonly victim: HostStream;
  readonly near: readonly HostStream[];
  readonly far: readonly HostStream[];
}

/** Fills two workers with three streams each, one of them `method`, and tells who shares its thread. */
async function placed(module: ModuleProcess, method: string): Promise<Placed> {
  const methods = [method, ...Array.from({ length: 5 }, () => 'neighbour')];
  const all = methods.map((name) => module.openStream(name));
  const [victim, ...others] = all;
  assert.ok(victim);
  const threads = await Promise.all(all.map(async (stream) => (await stream.next()).value?.[0]));
  const near = others.filter((_, index) => threads[index + 1] === threads[0]);
  const far = others.filter((_, index) => threads[index + 1] !== threads[0]);
  assert.deepEqual([near.length, far.length], [2, 3], `threads ${threads.join(' ')}`);
  return { victim, near, far };
}

/** Each stream still echoes, and ends well. */
async function echoes(streams: readonly HostStream[]): Promise<void> {
  for (const stream of streams) {
    await stream.send(Uint8Array.of(5));
    assert.deepEqual((await stream.next()).value, Uint8Array.of(5));
    await finishEcho(stream);
  }
}
