import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEPT_MS, LaneModel } from '../../../page/lanes/lane-model.ts';
import type { LiveEvent } from '../../../src/live/events.ts';

const HELLO: LiveEvent = {
  kind: 'hello',
  pid: 1,
  node: 'v24',
  file: '/m.js',
  workers: 2,
  streamsPerWorker: 2,
};

function modelOf(...events: LiveEvent[]): LaneModel {
  const model = new LaneModel();
  for (const event of [HELLO, ...events]) model.take(event);
  return model;
}

const open = (id: string, at: number): LiveEvent => ({ kind: 'open', at, id, method: 'm' });
const start = (id: string, at: number, worker = 0): LiveEvent => ({ kind: 'start', at, id, worker });
const end = (id: string, at: number, code: 'close' | 'cancelled' = 'close'): LiveEvent => ({
  kind: 'end',
  at,
  id,
  code,
  message: '',
});

test('a stream is a bar in the lane of its worker, with a part for each thing that it did', () => {
  const model = modelOf(
    open('a', 10),
    start('a', 20, 1),
    { kind: 'stall', at: 30, id: 'a', on: 'credit' },
    { kind: 'resume', at: 40, id: 'a', on: 'credit' },
    { kind: 'stop', at: 50, id: 'a', cause: 'cancelled', reason: 'enough' },
    end('a', 60, 'cancelled'),
  );
  const [bar] = model.lanes.get(1)?.bars ?? [];
  assert.deepEqual(
    bar?.parts.map(({ state, from }) => `${state} ${from}`),
    ['running 20', 'credit 30', 'running 40', 'stopping 50'],
  );
  assert.deepEqual([bar?.opened, bar?.started, bar?.ended, bar?.code], [10, 20, 60, 'cancelled']);
  assert.equal(model.running, 0);
});

test('streams that share a worker get rows of their own, and a free row is used again', () => {
  const model = modelOf(
    open('a', 1),
    start('a', 1),
    open('b', 2),
    start('b', 2),
    end('a', 3),
    open('c', 4),
    start('c', 4),
  );
  assert.deepEqual(
    model.lanes.get(0)?.bars.map(({ row }) => row),
    [0, 1, 0],
  );
});

test('the queue counts those that wait, and one that was refused is kept apart', () => {
  const model = modelOf(open('a', 1), open('b', 2), start('a', 3), end('b', 4, 'cancelled'));
  assert.deepEqual(
    model.queue.map(({ waiting }) => waiting),
    [1, 2, 1, 0],
  );
  assert.deepEqual(
    model.refused.map(({ id }) => id),
    ['b'],
  );
});

test('the message that a worker tells behind the end belongs to the stream all the same', () => {
  const model = modelOf(open('a', 1), start('a', 1), end('a', 2), {
    kind: 'handled',
    at: 2,
    id: 'a',
    code: 'handlerFailed',
    message: 'why',
  });
  const [bar] = model.lanes.get(0)?.bars ?? [];
  assert.equal(bar?.message, 'why');
});

test('what ended long ago is forgotten, what runs is not, and another process begins anew', () => {
  const model = modelOf(open('a', 1), start('a', 1), end('a', 2), open('b', 3), start('b', 3));
  model.prune(KEPT_MS + 10);
  assert.deepEqual(
    model.lanes.get(0)?.bars.map(({ id }) => id),
    ['b'],
  );
  model.take(HELLO);
  assert.equal(model.running, 0);
  assert.deepEqual(model.lanes.get(0)?.bars, []);
});

test('the exit of a worker marks its lane, unless the worker sleeps', () => {
  const model = modelOf(
    { kind: 'workerReady', at: 1, worker: 0 },
    { kind: 'workerExit', at: 2, worker: 0, how: 'it exited', asleep: false },
    { kind: 'workerExit', at: 3, worker: 1, how: 'it had nothing to do', asleep: true },
  );
  assert.deepEqual(model.lanes.get(0)?.exits, [{ at: 2, how: 'it exited' }]);
  assert.deepEqual([model.lanes.get(1)?.exits, model.lanes.get(1)?.isReady], [[], false]);
});
