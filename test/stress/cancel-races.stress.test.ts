import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModuleError } from '../../src/index.ts';
import type { HostStream } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { seededRandom } from '../support/seeded-random.ts';

const RACES = Number(process.env['IXT_CANCEL_RACES'] ?? 2_000);
const SEED = Number(process.env['IXT_STRESS_SEED'] ?? 1);
const WHATS = ['return', 'throw', 'data', 'close'] as const;
/** The work before the event, in microseconds; the cancel is aimed at -1 … +1 ms around it. */
const WORK_US = 1_000;

test(`${RACES} cancels around return, throw, first Data and Close get one terminal each (seed ${SEED})`, async (t) => {
  const module = startModule(t, { file: new URL('../fixtures/race.ts', import.meta.url), workers: 2 });
  await module.initialize();
  const random = seededRandom(SEED);
  const ends = new Map<string, number>();
  // As many at a time as there are workers, so that the aim is not spoilt by a queue.
  const lanes = [0, 1].map(async (lane) => {
    for (let i = lane; i < RACES; i += 2) {
      const what = WHATS[i % WHATS.length] ?? 'return';
      const end = await raceOnce(
        module.openStream('race', { metadata: { what, us: String(WORK_US) } }),
        random,
      );
      const allowed = what === 'throw' ? ['handlerFailed', 'cancelled'] : ['close', 'cancelled'];
      assert.ok(allowed.includes(end), `race ${i} (${what}) ended with ${end}`);
      const key = `${what}: ${end}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
    }
  });
  await Promise.all(lanes);
  t.diagnostic([...ends].map(([key, count]) => `${key} ${count}`).join(', '));
  for (const what of WHATS) {
    assert.ok(ends.has(`${what}: cancelled`), `no cancel came in time for ${what}: the races prove nothing`);
  }
  // Main hears of a handler's real end a moment after the host has read its terminal frame.
  while ((await module.health()).openStreams > 0);
});

/** @returns how the stream ended: `close`, or the error's code. Two terminals would be a violation, which fails the test. */
async function raceOnce(stream: HostStream, random: () => number): Promise<string> {
  const cancelAt = performance.now() + (random() * 2 * WORK_US) / 1000;
  stream.end();
  const ended = stream.closed.then(
    () => 'close',
    (error: ModuleError) => error.code,
  );
  // A timer is too coarse for a tenth of a millisecond; a turn of the event loop is not.
  while (performance.now() < cancelAt) await new Promise(setImmediate);
  stream.cancel('a race');
  return ended;
}
