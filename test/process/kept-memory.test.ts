import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { rawSession, startModule } from '../support/module.ts';
import { bytesPointer, message, NULL, structPointer, textWords, type Word } from '../support/wire-words.ts';
import { call, collect, finishEcho, LIMIT, newStreamId, runningEcho } from './helpers.ts';

const OPENS = 50;
const BYTES = 4 << 20;

/** The frame of an Open for `echo`: its context holds 72 bytes, and nothing points to the rest. */
const FRAME = message([
  structPointer(0, 3, 1),
  ...([NULL, NULL, NULL, structPointer(0, 1, 1)] as const),
  ...([NULL, structPointer(0, 1, 7), NULL, NULL, bytesPointer(5, 5)] as const),
  ...([NULL, NULL, NULL, NULL, NULL] as const),
  ...textWords('echo'),
  ...Array<Word>(BYTES / 8).fill(NULL),
]);

function largeOpen(id: StreamId): Uint8Array {
  const view = new DataView(FRAME.buffer);
  view.setBigUint64(16, BigInt(`0x${id.slice(0, 16)}`), true);
  view.setBigUint64(24, BigInt(`0x${id.slice(16)}`), true);
  return encodeEnvelope('streamFrame', id, FRAME);
}

test('opens of 4 MiB that wait cost the module their contexts, not their messages', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  const running = await runningEcho(module);
  const raw = rawSession(module);
  // What reading one takes is there before and after.
  const first = raw.adoptStream(newStreamId());
  raw.sendRaw(largeOpen(first.id));
  const { rssBytes: before } = await module.health();
  const waiting = [first];
  while (waiting.length < OPENS) {
    const id = newStreamId();
    waiting.push(raw.adoptStream(id));
    raw.sendRaw(largeOpen(id));
    // One after the other, so that this process doesn't hold them all.
    assert.equal((await module.health()).queuedOpens, waiting.length);
  }
  const { rssBytes: after } = await module.health();
  const grown = (after - before) >> 20;
  t.diagnostic(`${grown} MiB more for ${OPENS} opens of 4 MiB that wait`);
  assert.ok(grown < 80, `${grown} MiB`);
  await finishEcho(running);
  for (const stream of waiting) {
    stream.end();
    assert.deepEqual(await collect(stream), []);
  }
});

test(
  'what large chunks leave behind is collected early: four sinks of 300 MiB cost the module 50',
  LIMIT,
  async (t) => {
    const module = startModule(t, { workers: 2 });
    const chunk = new Uint8Array(1 << 20);
    await Promise.all([1, 2].map(() => call(module, 'sink', { input: [chunk] })));
    const { rssBytes: before } = await module.health();
    const input = Array<Uint8Array>(75).fill(chunk);
    await Promise.all([1, 2, 3, 4].map(() => call(module, 'sink', { input })));
    const { rssBytes: after } = await module.health();
    const grown = (after - before) >> 20;
    t.diagnostic(`${grown} MiB more after 300 chunks of 1 MiB`);
    assert.ok(grown < 50, `${grown} MiB`);
  },
);
