import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPackage } from '../support/build.ts';
import { StressChild } from '../support/stress-child.ts';

const metadata = { tag: '1', seed: '1', count: '3', max: '1000', at: '1' };

test('a worker that dies with the lock leaves it to main, and every other stream goes on', async (t) => {
  const build = await buildPackage();
  const child = new StressChild({
    command: [...build.serve('stress'), '--workers', '2'],
    transport: 'socket',
  });
  t.after(() => child.kill());
  for (let at = 1; at <= 12; at++) {
    const dying = child.session.openStream('exit-holding', { metadata: { ...metadata, at: String(at) } });
    const sound = child.session.openStream('generate', { metadata: { ...metadata, count: '200' } });
    let frames = 0;
    for await (const payload of sound) frames += payload.length > 0 ? 1 : 0;
    assert.equal(frames, 200);
    await assert.rejects(readAll(dying), { code: 'workerCrashed' });
  }
  assert.deepEqual(child.session.violations.map(String), []);
});

test('a worker that dies while it writes stops the process at once, with 70 and no further byte', async (t) => {
  const build = await buildPackage();
  const child = new StressChild({
    command: [...build.serve('stress'), '--workers', '2'],
    transport: 'socket',
  });
  t.after(() => child.kill());
  await child.session.initialize();
  const { bytesIn } = child.session.stats;
  await assert.rejects(readAll(child.session.openStream('exit-writing', { metadata })), {
    code: 'unavailable',
  });
  assert.deepEqual(await child.exited, { code: 70, signal: null });
  assert.equal(child.session.stats.bytesIn, bytesIn);
  assert.match(child.stderr, /^ixt-module: [^\n]*unknown[^\n]*\n$/);
});

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const payload of stream) assert.ok(payload.length > 0);
}
