import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { callForOne, LIMIT, TRANSPORTS } from './helpers.ts';

const HOWS = ['console', 'stdout', 'fd', 'child'];

for (const transport of TRANSPORTS) {
  test(
    `whatever a handler prints lands on stderr, and no byte of it on the protocol, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, { transport, workers: 2 });
      // All at once and over and over, while both workers write frames as well.
      await Promise.all(
        [...HOWS, ...HOWS, ...HOWS].map(async (how) => {
          const data = await callForOne(module, 'print', { metadata: { how } });
          assert.equal(Buffer.from(data).toString(), 'done');
        }),
      );
      const { code, stderr } = await module.close();
      assert.equal(code, 0);
      assert.equal(stderr, 'stray output\n'.repeat(12));
      const { bytesIn, framesIn } = module.session.stats;
      // Twelve Data and closes of one segment each, and the answer to shutdown: not a byte more.
      assert.deepEqual([framesIn, bytesIn], [25, 12 * (136 + 128) + 48]);
    },
  );
}

test(
  'without the launcher, what JavaScript prints is kept off the protocol, and a line warns of the rest',
  LIMIT,
  async (t) => {
    const module = startModule(t, { workers: 1, launcher: false });
    for (const how of ['console', 'stdout']) await callForOne(module, 'print', { metadata: { how } });
    const { code, stderr } = await module.close();
    assert.equal(code, 0);
    assert.match(stderr, /^ixt-module: [^\n]*launcher[^\n]*\nstray output\nstray output\n$/);
  },
);

test('a stderr that nobody reads stops no stream and not main', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('parallel'), workers: 1 });
  module.child?.stderr?.pause();
  for (let round = 0; round < 2; round++) {
    assert.equal(Buffer.from(await callForOne(module, 'noise')).toString(), 'done');
  }
  assert.equal((await module.health()).status, 'serving');
  module.child?.stderr?.resume();
  assert.equal((await module.close()).code, 0);
});
