import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { collect, finishEcho, LIMIT, runningEcho, TRANSPORTS, untilBusy } from './helpers.ts';

const OPTIONS = { file: built.fixture('cut-short'), workers: 2 };
/** Far more than is sent: a handler that is cut off between paying for a frame and sending it has paid in vain. */
const ENDLESS = { initialCredit: 2 ** 31 - 1 };

for (const transport of TRANSPORTS) {
  test(
    `handlers that use up their stack while they send hurt nobody, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, { ...OPTIONS, transport });
      const neighbour = await runningEcho(module);
      // So that the end of the stack is met at every step of a send.
      for (let words = 0; words < 64; words++) {
        const metadata = [['words', String(words)]] as const;
        await collect(module.openStream('full-stack', { ...ENDLESS, metadata }));
      }
      await finishEcho(neighbour);
      await untilBusy(module, 0);
    },
  );
}

test('a script that is stopped by its timeout while it sends never blocks the wire', LIMIT, async (t) => {
  const module = startModule(t, OPTIONS);
  const neighbour = await runningEcho(module);
  const isStopped = module.exited.then(({ code }) => code);
  try {
    for (let round = 0; round < 30; round++) {
      const metadata = [['ms', String(10 + round)]] as const;
      await collect(module.openStream('vm-timeout', { ...ENDLESS, metadata }));
      await neighbour.send(Uint8Array.of(round));
      assert.deepEqual((await neighbour.next()).value, Uint8Array.of(round));
    }
    await finishEcho(neighbour);
  } catch (error) {
    // Stopped between a write and the note of it: then, and only then, the module gives up the wire.
    if ((error as { code?: unknown }).code !== 'unavailable') throw error;
    assert.equal(await isStopped, 70);
  }
});
