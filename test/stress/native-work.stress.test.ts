import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { buildPackage } from '../support/build.ts';
import { StressChild } from '../support/stress-child.ts';
import { buildWorkAddon } from './support/work-addon.ts';

const DEADLINES = 200;
const AT_ONCE = 2;
/** What an addon's work takes, in ms: longer than its stream may. */
const WORK_MS = 300;
const DEADLINE_MS = 100;
const GRACE_MS = 20;

async function start(t: TestContext, flags: readonly string[]): Promise<StressChild> {
  const build = await buildPackage();
  const fixed = ['--workers', '3', '--cancel-grace-ms', String(GRACE_MS)];
  const child = new StressChild({
    command: [...build.serve('native-work'), ...fixed, ...flags],
    transport: 'socket',
    env: { ...process.env, IXT_TEST_ADDON: buildWorkAddon(t) },
  });
  t.after(() => child.kill());
  return child;
}

/** A call whose deadline passes in the middle of native work. */
async function cutShort(child: StressChild): Promise<void> {
  const stream = child.session.openStream('work', {
    metadata: { ms: String(WORK_MS) },
    deadline: Date.now() + DEADLINE_MS,
  });
  await assert.rejects(stream.closed, { code: 'deadlineExceeded' });
}

test(
  '200 deadlines in the middle of native work cost no other caller anything',
  { timeout: 300_000 },
  async (t) => {
    const child = await start(t, []);
    const neighbour = child.session.openStream('echo');
    let echoed = 0;
    for (let cut = 0; cut < DEADLINES; cut += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => cutShort(child)));
      await neighbour.send(Uint8Array.of(cut & 0xff));
      assert.deepEqual((await neighbour.next()).value, Uint8Array.of(cut & 0xff));
      echoed++;
    }
    neighbour.end();
    await neighbour.closed;
    assert.equal(echoed, DEADLINES / AT_ONCE);
    while ((await child.session.health()).openStreams > 0);
    await child.session.shutdown();
    child.session.endInput();
    assert.equal((await child.exited).code, 0);
  },
);

test(
  'without lingering the same work ends the process: the addon is one that can',
  { timeout: 60_000 },
  async (t) => {
    const child = await start(t, ['--linger-ms', '0']);
    for (let cut = 0; cut < 20; cut++) {
      const isOver = await Promise.race([
        child.exited.then(() => true),
        cutShort(child).then(
          () => false,
          () => true,
        ),
      ]);
      if (isOver) break;
    }
    assert.equal((await child.exited).signal, 'SIGABRT');
  },
);
