import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSlots } from '../../support/fake-workers.ts';
import { StreamWorld } from './stream-world.ts';

test('job numbers come round at 2^31, and every operation and answer still finds its stream', () => {
  const shape = { workers: 1, streamsPerWorker: 3, maxQueue: 0, isReady: true, lastNumber: 0x7fff_fffe };
  const world = new StreamWorld(shape, new FakeSlots(1, 3));
  const streams = [0, 1, 2];
  for (const stream of streams) world.act('open', { stream });
  const numbers = [...world.entries.keys()];
  assert.deepEqual(numbers, [0x7fff_ffff, -0x8000_0000, -0x7fff_ffff]);
  world.ops.length = world.frames.length = 0;
  for (const stream of streams) world.act('data', { stream });
  assert.deepEqual(
    world.ops,
    numbers.map((number) => `data ${number} 10`),
  );
  for (const [stream, job] of numbers.entries()) {
    world.act('returns', { stream, job });
    world.act('settles', { stream, job });
  }
  assert.deepEqual(world.frames, ['worker 0 close', 'worker 1 close', 'worker 2 close']);
  assert.equal(world.streams.isIdle, true);
  assert.equal(world.streams.openCount, 0);
});
