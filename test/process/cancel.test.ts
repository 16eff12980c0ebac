import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawSession, startModule } from '../support/module.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { endsWith, finishEcho, LIMIT, runningEcho, TRANSPORTS, untilBusy, within } from './helpers.ts';

const GRACE_MS = 200;
/** Within this a handler must be gone that does not heed its cancel: the grace time, and a second for the rest. */
const FORCED_MS = GRACE_MS + 1_000;

for (const transport of TRANSPORTS) {
  test(`a handler that does not heed its cancel is ended, over ${transport}s`, LIMIT, async (t) => {
    const module = startModule(t, { transport, workers: 2, args: ['--cancel-grace-ms', `${GRACE_MS}`] });
    const neighbour = await runningEcho(module);

    for (const method of ['hang', 'wait']) {
      await t.test(`${method}: cancelled within the grace time and a second`, async () => {
        const stream = module.openStream(method);
        await untilBusy(module, 2);
        stream.cancel('no more');
        assert.match(await within(FORCED_MS, endsWith(stream, 'cancelled')), /no more/);
      });

      await t.test(`${method}: past its deadline within the grace time and a second`, async () => {
        const deadline = Date.now() + 100;
        const stream = module.openStream(method, { deadline });
        await within(100 + FORCED_MS, endsWith(stream, 'deadlineExceeded'));
        assert.ok(Date.now() >= deadline);
      });
    }

    await t.test('cancel twice, and an error of the host on top, change nothing', async () => {
      const stream = module.openStream('hang');
      const frames = new FrameEncoder(stream.id);
      stream.cancel('first');
      rawSession(module).sendRaw(frames.cancel('second'));
      rawSession(module).sendRaw(frames.error({ code: 'internal', message: 'third' }));
      assert.match(await within(FORCED_MS, endsWith(stream, 'cancelled')), /first/);
    });

    await t.test('the neighbour on the other worker never noticed', () => finishEcho(neighbour));
  });

  test(
    `a handler that heeds its cancel ends long before the grace time, over ${transport}s`,
    LIMIT,
    async (t) => {
      // With a grace time of a minute, only a handler that ended by itself is over in the test's own time.
      const args = ['--cancel-grace-ms', '60000', '--streams-per-worker', '2'];
      const silent = (): Promise<Uint8Array> => new Promise(() => {});
      const module = startModule(t, { transport, workers: 1, args, onService: silent });

      for (const [what, method, metadata] of [
        ['a tight loop', 'spin', { ms: '60000' }],
        ['a read that blocks', 'sink', {}],
        ['a read that awaits', 'echo-async', {}],
        ['a sleep', 'slow-consumer', { ms: '60000' }],
        ['a send without credit', 'source', { count: '1000000', size: '65536' }],
        ['an answer that the host never gives', 'service', { service: 's', method: 'm' }],
      ] as const) {
        await t.test(`${what} heeds its cancel`, async () => {
          const stream = module.openStream(method, { metadata, autoCredit: false });
          if (method === 'slow-consumer') await stream.send(Uint8Array.of(1));
          if (method === 'service') stream.end();
          if (method === 'source') for (let taken = 0; taken < 4; taken++) await stream.next();
          else await untilBusy(module, 1);
          stream.cancel('no more');
          assert.match(await endsWith(stream, 'cancelled'), /no more/);
        });

        await t.test(`${what} heeds its deadline`, async () => {
          const stream = module.openStream(method, {
            metadata,
            deadline: Date.now() + 60,
            autoCredit: false,
          });
          if (method === 'slow-consumer') stream.trySend(Uint8Array.of(1));
          if (method === 'service') stream.end();
          await endsWith(stream, 'deadlineExceeded');
        });
      }

      await t.test('an error of the host cancels as a cancel does', async () => {
        const stream = await runningEcho(module);
        rawSession(module).sendRaw(
          new FrameEncoder(stream.id).error({ code: 'internal', message: 'host fell over' }),
        );
        assert.match(await endsWith(stream, 'cancelled'), /host fell over/);
      });

      await t.test('the worker has survived all of it', async () => {
        await finishEcho(await runningEcho(module));
      });
    },
  );
}
