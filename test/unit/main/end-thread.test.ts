import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { endThread } from '../../../src/main/workers/end-thread.ts';

test('a thread that survives is told again to end, less and less often, until it has exited', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const told: number[] = [];
  const thread = Object.assign(new EventEmitter(), { terminate: () => told.push(Date.now()) });
  const pass = (ms: number): void => {
    for (const end = Date.now() + ms; Date.now() < end;) t.mock.timers.tick(50);
  };
  endThread(thread as unknown as Worker);
  pass(3_000);
  assert.deepEqual(told, [0, 50, 150, 350, 750, 1_550]);
  pass(600_000);
  const [beforeLast = NaN, last = NaN] = told.slice(-2);
  assert.equal(last - beforeLast, 60_000);
  thread.emit('exit', 1);
  pass(120_000);
  assert.equal(told.at(-1), last);
});
