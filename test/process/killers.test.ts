import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KILLERS } from './killers.ts';
import { rawSession, startModule } from '../support/module.ts';
import { residentBytes } from '../support/stress-memory.ts';
import { LIMIT, newStreamId } from './helpers.ts';

/** By how much a module may grow over a message that it refuses. */
const MAX_GROWTH_BYTES = 50e6;

for (const { name, ends, bytes } of KILLERS) {
  test(`${name}: refused at the cost of its bytes, and the ${ends} ends`, LIMIT, async (t) => {
    let refused = 0;
    const module = startModule(t, { workers: 1, onProtocolError: () => (refused = performance.now()) });
    await module.initialize();
    const id = newStreamId();
    const message = bytes(id);
    const before = residentBytes(module.pid ?? 0);
    let growth = 0;
    const started = performance.now();
    if (ends === 'connection') {
      rawSession(module).sendRaw(message);
      assert.equal((await module.exited).code, 76);
    } else {
      const stream = rawSession(module).adoptStream(id);
      rawSession(module).sendRaw(message);
      await assert.rejects(stream.closed, { code: /^(protocolViolation|invalidArgument)$/ });
      refused = performance.now();
      await module.health();
      growth = residentBytes(module.pid ?? 0) - before;
      assert.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes`);
    }
    const cost = `${(refused - started).toFixed(1)} ms, ${(growth / 1e6).toFixed(1)} MB`;
    t.diagnostic(`${message.length} bytes: ${cost}`);
  });
}
