import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamSample } from '../../../src/main/process/stream-sample.ts';

test('of many streams at once 20,000 are told of, then 1,000 a second, and the others are counted', () => {
  let now = 0;
  const sample = new StreamSample(() => now);
  const taken = (streams: number): number =>
    Array.from({ length: streams }, () => sample.take()).filter(Boolean).length;
  assert.equal(taken(30_000), 20_000);
  assert.equal(sample.unseen, 10_000);
  now += 1000;
  assert.equal(taken(5_000), 1_000);
  assert.equal(sample.unseen, 14_000);
});
