import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPackage } from '../support/build.ts';
import { StressChild } from '../support/stress-child.ts';

/** About one in ten such threads survives its first `terminate()` on Node 20. */
const KILLS = 50;
/** Within this an ended handler must have given back its slot, in ms. */
const GONE_MS = 2_000;

test(
  'a handler whose promises never let the event loop turn is ended each time',
  { timeout: 120_000 },
  async (t) => {
    const build = await buildPackage();
    const flags = ['--workers', '2', '--cancel-grace-ms', '10'];
    const child = new StressChild({ command: [...build.serve('stress'), ...flags], transport: 'socket' });
    t.after(() => child.kill());
    for (let kill = 0; kill < KILLS; kill++) {
      const metadata = { tag: '1', seed: String(kill), count: '3', max: '3000' };
      const stream = child.session.openStream('stubborn-async', { metadata });
      await stream.next();
      stream.cancel('enough');
      await assert.rejects(stream.closed, { code: 'cancelled' });
      const asked = performance.now();
      while ((await child.session.health()).openStreams > 0) {
        assert.ok(
          performance.now() - asked < GONE_MS,
          `handler ${kill} still runs ${GONE_MS} ms after its end`,
        );
      }
    }
  },
);
