import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traceEvents } from '../../../src/cli/decode/trace-event.ts';
import type { WireEvent } from '../../../src/cli/recording/timeline.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { streamIdFromWords } from '../../../src/wire/stream-id.ts';

const ID = streamIdFromWords(0, 0, 0, 7);
const encoder = new FrameEncoder(ID);

function said(from: 'host' | 'module', at: number, message: Uint8Array): WireEvent {
  return { kind: 'message', at, from, message: message.slice() };
}

test('each life of a stream is a span from its first message to its last, with an instant for each', () => {
  const life = (at: number): WireEvent[] => [
    said('host', at, encoder.open({ method: 'echo' })),
    said('host', at + 1, encoder.close()),
    said('module', at + 2, encoder.close()),
  ];
  const [meta, ...trace] = traceEvents([...life(10), ...life(20)], 'session.ixt');
  assert.deepEqual(meta?.args, { name: 'session.ixt' });
  const spans = trace
    .filter(({ ph }) => ph !== 'n')
    .map(({ ph, ts, name, cat }) => `${ph} ${ts} ${name} ${cat}`);
  assert.deepEqual(spans.sort(), [
    'b 10000 echo stream',
    'b 20000 echo stream',
    'e 12000 echo stream',
    'e 22000 echo stream',
  ]);
  const ids = new Set(trace.map(({ id }) => id));
  assert.equal(ids.size, 2);
  assert.deepEqual(
    trace.filter(({ ph }) => ph === 'n').map(({ name }) => name),
    ['open', 'close', 'close', 'open', 'close', 'close'],
  );
});

test('a stream that had not ended says so', () => {
  const trace = traceEvents([said('host', 1, encoder.open({ method: 'echo' }))], '');
  assert.deepEqual(trace.at(-1)?.args, { end: 'not ended' });
});
