import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_CREDIT } from '../../src/wire/flow-limits.ts';
import { built } from '../support/built.ts';
import { StressChild, type StressTransport } from '../support/stress-child.ts';
import { LIMIT, within } from '../process/helpers.ts';

/** Within this the process must be gone, from the first write that finds nobody. */
const GONE_MS = 500;

const start = (transport: StressTransport): StressChild =>
  new StressChild({
    command: [...built.serve('conformance'), '--workers', '2'],
    transport,
  });

for (const transport of ['socket', 'blocking pipe', 'non-blocking pipe'] as const) {
  test(`a host that is gone while workers write ends the process with 74, ${transport}`, LIMIT, async (t) => {
    const child = start(transport);
    t.after(() => child.kill());
    const streams = [0, 1].map(() =>
      child.session.openStream('source', {
        metadata: { count: '100000000', size: '5000' },
        initialCredit: MAX_CREDIT,
        autoCredit: false,
      }),
    );
    await Promise.all(streams.map((stream) => stream.next()));
    child.closeOutput();
    assert.deepEqual(await within(GONE_MS, child.exited), { code: 74, signal: null });
    assert.match(child.stderr, /^ixt-module: [^\n]+\n$/);
  });

  for (const writer of ['a worker', 'main'] as const) {
    test(`a host that is gone is noticed by the first write of ${writer}, ${transport}`, LIMIT, async (t) => {
      const child = start(transport);
      t.after(() => child.kill());
      const stream = child.session.openStream('echo');
      await stream.send(new Uint8Array(10));
      await stream.next();
      child.closeOutput();
      // Its input is open still; the answer finds nobody.
      if (writer === 'main') child.session.health().catch(() => undefined);
      else await stream.send(new Uint8Array(10));
      assert.deepEqual(await within(GONE_MS, child.exited), { code: 74, signal: null });
    });
  }
}
