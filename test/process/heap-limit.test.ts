import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { callForOne, LIMIT } from './helpers.ts';

test(
  'a worker’s heap has the size of --worker-heap-mb, whatever the flags of NODE_OPTIONS say',
  LIMIT,
  async (t) => {
    const limits = new Map<string, string>();
    for (const NODE_OPTIONS of [
      '',
      '--max-old-space-size=4096',
      '--max-old-space-size=64',
      '--max-semi-space-size=64 --max-old-space-size=1024',
    ]) {
      const args = ['--worker-heap-mb', '128'];
      const module = startModule(t, {
        file: built.fixture('scarce'),
        workers: 1,
        args,
        env: { NODE_OPTIONS },
      });
      limits.set(NODE_OPTIONS, Buffer.from(await callForOne(module, 'heap')).toString());
      await module.close();
    }
    // The old generation, and three halves of the young one, which is a quarter of it.
    assert.deepEqual([...new Set(limits.values())], ['176'], JSON.stringify([...limits]));
  },
);
