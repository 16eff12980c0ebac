import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import type { Side, WireEvent } from '../../src/cli/recording/timeline.ts';
import { compareConversations } from '../../src/cli/recording/compare.ts';
import { ReplayPlayer } from '../../src/cli/replay/player.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { parseStreamId, type StreamId } from '../../src/wire/stream-id.ts';
import { decodeMessage } from '../support/decoded-message.ts';

const WINDOW = 262_144;
/** What is waited for in vain costs a test that long; what comes comes in the next turn. */
const PATIENCE_MS = 100;
const RULES = { ignoredMethods: new Set<string>(), ignoreBoundaries: false };

function idOf(last: string): StreamId {
  return parseStreamId(last.padStart(32, '0')) ?? assert.fail('no id');
}

/** A stream's frames, from both sides. */
function streamOf(last: string) {
  const id = idOf(last);
  const encoder = new FrameEncoder(id);
  return {
    open: encodeOpenFrame(id, { method: `m${last}` }, WINDOW),
    data: (length: number, value = 0) => encoder.data(new Uint8Array(length).fill(value)),
    credit: encoder.credit(WINDOW),
    close: encoder.close(),
    cancel: encoder.cancel('enough'),
  };
}

function recordingOf(...messages: readonly (readonly [Side, Uint8Array])[]): WireEvent[] {
  return messages.map(([from, message]) => ({ kind: 'message', at: 0, from, message }));
}

/** A module that answers by `answers`: what it says once the host's message of that name has come. */
async function replay(
  events: readonly WireEvent[],
  names: ReadonlyMap<Uint8Array, string>,
  answers: Readonly<Record<string, readonly Uint8Array[]>>,
) {
  const heard: string[] = [];
  let say: (bytes: Uint8Array) => void = () => undefined;
  const writable = new Writable({
    write: (bytes: Uint8Array, _encoding, done) => {
      const name = [...names].find(([message]) => Buffer.compare(message, bytes) === 0)?.[1];
      heard.push(name ?? `unknown ${JSON.stringify(decodeMessage(bytes))}`);
      // Each in a turn of its own.
      const [next, ...later] = answers[name ?? ''] ?? [];
      if (next !== undefined) queueMicrotask(() => say(next));
      for (const answer of later) setImmediate(() => say(answer));
      done();
    },
  });
  const source = {
    listen: (onData: typeof say) => (say = onData),
    closed: new Promise<void>(() => undefined),
    destroy: () => undefined,
  };
  const player = new ReplayPlayer({ source, writable }, 0, PATIENCE_MS);
  await player.play(events);
  const { recorded, replayed } = player.result();
  return { heard, differences: compareConversations(recorded, replayed, RULES) };
}

test('Data without credit waits for it, behind what other streams need first', async () => {
  const [a, b] = [streamOf('a'), streamOf('b')];
  const [first, second] = [a.data(WINDOW), a.data(10, 1)];
  const events = recordingOf(
    ['host', a.open],
    ['host', first],
    ['module', a.credit],
    ['host', second],
    ['host', a.close],
    ['host', b.open],
    ['module', a.close],
    ['module', b.close],
  );
  const names = new Map([
    [a.open, 'open a'],
    [first, 'first'],
    [second, 'second'],
    [a.close, 'close a'],
    [b.open, 'open b'],
  ]);
  // One worker: stream b has it, and a's turn comes when b is over.
  const { heard, differences } = await replay(events, names, {
    'open b': [b.close, a.credit],
    'close a': [a.close],
  });
  assert.deepEqual(heard, ['open a', 'first', 'open b', 'second', 'close a']);
  assert.deepEqual(differences, []);
});

test('a cancel goes ahead of Data that waits for credit, which nobody needs then', async () => {
  const a = streamOf('a');
  const [first, second] = [a.data(WINDOW), a.data(10, 1)];
  const events = recordingOf(
    ['host', a.open],
    ['host', first],
    ['module', a.credit],
    ['host', second],
    ['host', a.cancel],
  );
  const names = new Map([
    [a.open, 'open a'],
    [first, 'first'],
    [second, 'second'],
    [a.cancel, 'cancel a'],
  ]);
  const { heard } = await replay(events, names, { 'cancel a': [a.credit] });
  assert.deepEqual(heard, ['open a', 'first', 'cancel a']);
});

test('a stream that was waited for in vain may still end before the host leaves', async () => {
  const [a, b] = [streamOf('a'), streamOf('b')];
  const events = recordingOf(['host', a.open], ['module', a.close], ['host', b.open], ['module', b.close]);
  const names = new Map([
    [a.open, 'open a'],
    [b.open, 'open b'],
  ]);
  const { differences } = await replay(events, names, { 'open b': [b.close, a.close] });
  assert.deepEqual(differences, []);
});
