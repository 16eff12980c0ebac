import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INITIAL_CREDIT } from '../../src/wire/flow-limits.ts';
import { residentBytes, startMemoryChild } from '../support/stress-memory.ts';
import { collect, LIMIT } from '../process/helpers.ts';

/** Streams that each get a first window of input: 65 MB in all, just below what queued streams may hold (64 MiB). */
const STREAMS = 248;
const CHUNK_BYTES = 65_536;
/** What the module may need on top of the input that it must hold. */
const SLACK_BYTES = 16 * 2 ** 20;

test(
  'a host that writes 64 MB before it reads once is served, and costs its input in memory and little more',
  LIMIT,
  async (t) => {
    let said = '';
    const child = startMemoryChild(['--workers', '1', '--cancel-grace-ms', '0'], {
      onStderr: (text) => (said += text),
    });
    t.after(() => child.kill());
    await child.session.initialize();
    // Nothing runs while this one does: the input has to be held.
    const blocker = child.session.openStream('wait');
    while (!said.includes('started waiting')) await child.session.health();
    const before = residentBytes(child.pid);
    child.pauseReading();
    const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
    const streams = Array.from({ length: STREAMS }, () => child.session.openStream('sink'));
    let held = 0;
    for (const stream of streams) {
      for (let sent = 0; sent < INITIAL_CREDIT; sent += CHUNK_BYTES, held += CHUNK_BYTES)
        await stream.send(chunk);
      stream.end();
    }
    assert.ok(held >= 64e6);
    await child.written();
    const growth = residentBytes(child.pid) - before;
    assert.ok(growth < held + SLACK_BYTES, `${held} bytes of input cost ${growth} of memory`);
    assert.ok(growth > held / 2, `${held} bytes of input cost ${growth} of memory: what was measured?`);
    child.resumeReading();
    blocker.cancel('now run');
    for (const stream of streams) {
      const [total] = await collect(stream);
      assert.deepEqual(
        new Float64Array(total?.slice().buffer ?? new ArrayBuffer(0)),
        Float64Array.of(INITIAL_CREDIT),
      );
    }
  },
);
