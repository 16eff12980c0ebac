import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModule } from '../support/module.ts';
import { collect, endsWith, LIMIT, newStreamId, TRANSPORTS, WireTap } from './helpers.ts';

const ROUNDS = 200;

for (const transport of TRANSPORTS) {
  test(
    `an id can be used again as soon as its terminal frame was read, over ${transport}s`,
    LIMIT,
    async (t) => {
      const tap = new WireTap();
      const module = startModule(t, { transport, workers: 2, onWire: tap.record });
      const { session } = module;

      await t.test('after a close', async () => {
        const id = newStreamId();
        for (let round = 0; round < ROUNDS; round++) {
          const stream = session.openStream('echo', { id });
          const data = Uint8Array.of(round, round >>> 8);
          void stream.send(data);
          stream.end();
          assert.deepEqual(await collect(stream), [data]);
        }
        assert.deepEqual(
          tap.terminals(id),
          Array.from({ length: ROUNDS }, () => 'close'),
        );
      });

      await t.test('after an error, with late frames of the old stream in between', async () => {
        const id = newStreamId();
        for (let round = 0; round < ROUNDS; round++) {
          // Its own Data and close cross the error on the way, or come after it: both happen.
          const failing = session.openStream('fail', { id });
          for (let index = 0; index < round % 4; index++) failing.trySend(Uint8Array.of(0xbad));
          failing.end();
          await endsWith(failing, 'handlerFailed');
          const stream = session.openStream('echo-async', { id });
          void stream.send(Uint8Array.of(round));
          stream.end();
          assert.deepEqual(await collect(stream), [Uint8Array.of(round)]);
        }
        assert.equal(tap.terminals(id).length, 2 * ROUNDS);
      });

      await t.test('after a refusal and after a cancel', async () => {
        const id = newStreamId();
        for (let round = 0; round < ROUNDS; round++) {
          await endsWith(session.openStream('nope', { id }), 'methodNotFound');
          const cancelled = session.openStream('sink', { id });
          cancelled.cancel('next');
          await endsWith(cancelled, 'cancelled');
        }
        assert.equal(tap.terminals(id).length, 2 * ROUNDS);
      });

      await t.test('by many ids at once, in the turn in which the terminal frame came', async () => {
        const ids = Array.from({ length: 16 }, () => newStreamId());
        await Promise.all(
          ids.map(async (id, lane) => {
            for (let round = 0; round < 50; round++) {
              const metadata = { count: `${(round + lane) % 3}`, size: '8' };
              const data = await collect(session.openStream('source', { id, metadata }));
              assert.equal(data.length, (round + lane) % 3);
            }
          }),
        );
        for (const id of ids) assert.equal(tap.terminals(id).length, 50);
      });
    },
  );
}
