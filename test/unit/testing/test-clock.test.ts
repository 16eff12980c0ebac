import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '../../../src/testing/test-clock.ts';

test('timers go off at their own time, in order, and so do those that they set', () => {
  const clock = new TestClock(1000);
  const seen: [string, number][] = [];
  clock.after(30, () => seen.push(['last', clock.now()]));
  clock.after(10, () => {
    seen.push(['first', clock.now()]);
    clock.after(10, () => seen.push(['second', clock.now()]));
    clock.after(100, () => seen.push(['never', clock.now()]));
  });
  const cancel = clock.after(5, () => seen.push(['cancelled', clock.now()]));
  cancel();
  clock.advance(30);
  assert.deepEqual(seen, [
    ['first', 1010],
    ['second', 1020],
    ['last', 1030],
  ]);
  assert.deepEqual([clock.now(), clock.pending, clock.delays], [1030, 1, [100]]);
});
