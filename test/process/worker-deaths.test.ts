import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModule } from '../support/module.ts';
import { callForOne, collect, endsWith, finishEcho, LIMIT, runningEcho, TRANSPORTS } from './helpers.ts';

for (const transport of TRANSPORTS) {
  test(`a worker that dies takes its stream along and nothing else, over ${transport}s`, LIMIT, async (t) => {
    let stderr = '';
    const onStderr = (text: string): void => void (stderr += text);
    const module = startModule(t, { transport, workers: 2, args: ['--worker-heap-mb', '48'], onStderr });
    const neighbour = await runningEcho(module);

    await t.test('exit: workerCrashed, and the message says how', async () => {
      assert.match(await endsWith(module.openStream('exit'), 'workerCrashed'), /7/);
    });

    await t.test('oom: workerCrashed, and the message says how', async () => {
      assert.match(await endsWith(module.openStream('oom'), 'workerCrashed'), /memory/i);
    });

    await t.test('reject: handlerFailed with the reason, of that stream alone', async () => {
      assert.equal(
        await endsWith(module.openStream('reject'), 'handlerFailed'),
        'nobody handles this rejection',
      );
    });

    await t.test('throw-late: it closes cleanly, and the streams after it too', async () => {
      assert.deepEqual(await collect(module.openStream('throw-late')), []);
      // They run before, while and after the timer throws: each worker gets some until the failure is reported.
      while (!stderr.includes('thrown by a timer')) await callForOne(module, 'sink');
      for (let round = 0; round < 20; round++) await callForOne(module, 'sink');
    });

    await t.test('the neighbour on the other worker never noticed', () => finishEcho(neighbour));

    await t.test('every worker was replaced: both run at once', async () => {
      for (const echo of await Promise.all([runningEcho(module), runningEcho(module)]))
        await finishEcho(echo);
    });

    await t.test('no stream is left over', async () => {
      while ((await module.health()).openStreams > 0);
    });

    const exit = await module.close();
    assert.equal(exit.code, 0);
    assert.match(exit.stderr, /nobody handles this rejection/);
  });
}

test('the same id can be used again at once after its worker died', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  const { id } = await runningEcho(module).then(async (echo) => (await finishEcho(echo), echo));
  for (let round = 0; round < 5; round++) await endsWith(module.openStream('exit', { id }), 'workerCrashed');
  await finishEcho(await runningEcho(module, { id }));
});
