import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OP } from '../../src/threads/messages.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { commitEnd } from '../support/fake-workers.ts';
import type { DecodedFrame, DecodedMessage } from '../support/decoded-message.ts';
import { MainHarness } from '../support/main-harness.ts';
import { idOf, MANIFEST, NOW } from '../support/module-facts.ts';
import { bytesPointer, message, NULL, structPointer, textWords, type Word } from '../support/wire-words.ts';

function open(number: number, method = 'echo', deadlineUnixMs = 0, credit = 262_144): Uint8Array {
  return encodeOpenFrame(idOf(number), { method, deadlineUnixMs }, credit);
}

/** What the frame of such an Open takes: 64 bytes of its own, and of a context 64 and the method with its NUL in whole words. */
const OPEN_BYTES = 64 + 64 + 8;

function frameOf(number: number): FrameEncoder {
  return new FrameEncoder(idOf(number));
}

/** The one frame in `messages`, which must be an error of that stream. */
function onlyError(messages: DecodedMessage[], number: number): Extract<DecodedFrame, { arm: 'error' }> {
  assert.equal(messages.length, 1);
  const [message] = messages;
  assert.equal(message?.requestId, idOf(number));
  if (message?.frame?.arm !== 'error') throw new Error(`not an error: ${message?.frame?.arm}`);
  return message.frame;
}

test('an Open that several checks would refuse gets the answer of the first, in the protocol’s order', async () => {
  const reasons = {
    metadata: Array.from({ length: 5 }, (_, i): [string, string] => [`k${i}`, 'v']),
    method: 'nothing',
    deadlineUnixMs: NOW - 1,
  };
  const small = { maxMetadataEntries: 4, maxContextBytes: 2048 };
  const tooMuch = 0x8000_0000;
  const harness = new MainHarness(small);
  harness.drain();
  harness.host(encodeOpenFrame(idOf(1), reasons, tooMuch));
  assert.equal(onlyError(await harness.take(), 1).code, 'unavailable');

  const serving = new MainHarness(small);
  const ask = async (context: Parameters<typeof encodeOpenFrame>[1], credit?: number): Promise<string> => {
    serving.host(encodeOpenFrame(idOf(1), context, credit));
    return onlyError(await serving.take(), 1).code;
  };
  assert.equal(await ask(reasons, tooMuch), 'invalidArgument');
  assert.equal(await ask({ ...reasons, metadata: [], caller: 'x'.repeat(3000) }, tooMuch), 'invalidArgument');
  assert.equal(await ask({ ...reasons, metadata: [] }, tooMuch), 'flowControlViolation');
  assert.equal(await ask({ ...reasons, metadata: [] }), 'methodNotFound');
  assert.equal(await ask({ method: 'echo', deadlineUnixMs: NOW - 1 }), 'deadlineExceeded');
  assert.equal(await ask({ method: 'echo', deadlineUnixMs: NOW }), 'deadlineExceeded', 'now is too late');

  const full = new MainHarness({ maxQueue: 0 });
  full.host(open(1));
  full.host(open(2, 'echo', NOW - 1));
  assert.equal(onlyError(await full.take(), 2).code, 'deadlineExceeded');
  full.host(open(3));
  assert.equal(onlyError(await full.take(), 3).code, 'resourceExhausted');
  assert.equal(full.stats.openStreams, 1);
});

test('a module without stream handlers refuses every Open, whatever its method', async () => {
  const harness = new MainHarness({}, { ...MANIFEST, streams: undefined });
  harness.host(open(1, 'nothing', NOW - 1));
  assert.equal(onlyError(await harness.take(), 1).code, 'streamingUnsupported');
});

test('a single handler serves any method', async () => {
  const harness = new MainHarness({}, { ...MANIFEST, streams: { mode: 'sync' } });
  harness.host(open(1, 'whatever'));
  assert.equal(harness.tasks.length, 1);
});

test('an Open with limits met exactly is accepted', async () => {
  const metadata = Array.from({ length: 4 }, (): [string, string] => ['k', 'v']);
  const harness = new MainHarness({ maxMetadataEntries: 4 });
  harness.host(encodeOpenFrame(idOf(1), { method: 'echo', metadata }, 0x7fff_ffff));
  assert.deepEqual(await harness.takeBrief(), []);
  assert.equal(harness.tasks[0]?.job.control.credit, 0x7fff_ffff);
});

test('a full queue refuses at once and says how deep it is', async () => {
  const harness = new MainHarness({ maxQueue: 2 });
  harness.host(open(1), open(2), open(3), open(4));
  const { code, message } = onlyError(await harness.take(), 4);
  assert.equal(code, 'resourceExhausted');
  assert.match(message, /2 opens wait/);
  assert.equal(harness.stats.queuedOpens, 2);
});

test('opens that come before the first worker has loaded are checked when it has, in order', async () => {
  const harness = new MainHarness({ maxQueue: 2, workers: 2 }, null);
  harness.host(open(1), open(2, 'nothing'), open(3), open(4));
  assert.deepEqual(
    await harness.takeBrief(),
    [],
    'two will run as soon as there are workers, two more may wait',
  );
  harness.host(open(5));
  assert.equal(onlyError(await harness.take(), 5).code, 'resourceExhausted');
  harness.host(frameOf(3).cancel(''));
  assert.deepEqual(await harness.takeBrief(), ['3 cancelled']);
  harness.load(MANIFEST);
  assert.deepEqual(await harness.takeBrief(), ['2 methodNotFound']);
  assert.deepEqual(
    harness.tasks.map(({ id }) => id),
    [idOf(1), idOf(4)],
  );
});

test('a deadline that passed before the module has loaded comes after handler and method, as with a loaded one', async () => {
  for (const early of [true, false]) {
    const harness = new MainHarness({}, early ? null : MANIFEST);
    harness.host(open(1, 'nothing', NOW - 1), open(2, 'echo', NOW - 1));
    harness.clock.advance(10);
    if (early) harness.load(MANIFEST);
    assert.deepEqual(await harness.takeBrief(), ['1 methodNotFound', '2 deadlineExceeded']);
    assert.equal(harness.clock.pending, 0);
  }
});

test('a deadline that comes while its Open is looked at is not missed', async (t) => {
  const harness = new MainHarness();
  harness.host(open(1));
  let now = NOW;
  // Each look finds it a millisecond later.
  t.mock.method(harness.clock, 'now', () => now++);
  harness.host(open(2, 'echo', NOW + 1));
  assert.equal(harness.clock.pending, 1);
});

test('a queued Open whose deadline has passed never starts, though its timer has not run', async (t) => {
  const harness = new MainHarness();
  harness.host(open(1), open(2, 'echo', NOW + 5));
  t.mock.method(harness.clock, 'now', () => NOW + 6);
  const [running] = harness.tasks;
  assert.ok(running);
  commitEnd(running.job, undefined);
  harness.settle(running);
  assert.deepEqual(await harness.takeBrief(), ['2 deadlineExceeded']);
  assert.equal(harness.tasks.length, 1);
});

test('a deadline that passes while the module loads is told in time', async () => {
  const harness = new MainHarness({}, null);
  harness.host(open(1, 'echo', NOW + 50));
  harness.clock.advance(50);
  assert.deepEqual(await harness.takeBrief(), ['1 deadlineExceeded']);
  harness.load(MANIFEST);
  assert.deepEqual(await harness.takeBrief(), []);
  assert.equal(harness.tasks.length, 0);
});

test('where no worker can be had for a while, what waits and what comes is refused with the cause', async () => {
  const harness = new MainHarness();
  harness.host(open(1), open(2));
  harness.loseThreads('no thread can start');
  const [crashed, refused] = await harness.take();
  assert.equal(onlyError(crashed === undefined ? [] : [crashed], 1).code, 'workerCrashed');
  const { code, message } = onlyError(refused === undefined ? [] : [refused], 2);
  assert.equal(code, 'unavailable');
  assert.match(message, /no thread can start/);
  harness.host(open(3), open(4, 'nothing'));
  assert.deepEqual(
    await harness.takeBrief(),
    ['3 unavailable', '4 methodNotFound'],
    'the other checks come first',
  );
});

test('a stream that comes when a worker is back waits again', async () => {
  const harness = new MainHarness();
  harness.loseThreads('no thread can start');
  harness.host(open(1));
  harness.findThreads();
  harness.host(open(2));
  assert.deepEqual(await harness.takeBrief(), ['1 unavailable']);
  assert.deepEqual(
    harness.tasks.map(({ id }) => id),
    [idOf(2)],
  );
});

test('an Open that comes ahead of the first load is refused while no worker can be had', async () => {
  const harness = new MainHarness({}, null);
  harness.host(open(1));
  harness.loseThreads('no thread can start');
  harness.host(open(2));
  assert.deepEqual(await harness.takeBrief(), ['1 unavailable', '2 unavailable']);
  harness.findThreads();
  assert.equal(harness.tasks.length, 0);
  assert.equal(harness.stats.openStreams, 0);
});

test('input that came before a worker is delivered in order, ahead of the half-close', async () => {
  const harness = new MainHarness();
  harness.host(open(1), open(2));
  for (let i = 0; i < 3; i++) harness.host(frameOf(2).data(new Uint8Array([i])));
  harness.host(frameOf(2).close(), frameOf(2).credit(50));
  harness.ops.length = 0;
  const [first] = harness.tasks;
  if (first === undefined) throw new Error('nothing runs');
  commitEnd(first.job, undefined);
  harness.settle(first);
  const number = harness.tasks[1]?.number;
  assert.deepEqual(
    harness.ops.map(({ kind, job, payload }) => [kind, job, ...payload]),
    [
      [OP.data, number, 0],
      [OP.data, number, 1],
      [OP.data, number, 2],
      [OP.end, number],
    ],
  );
  assert.equal(harness.tasks[1]?.job.control.credit, 262_144 + 50);
});

test('input that is held for queued streams is bounded: the newest that holds some is refused', async () => {
  const harness = new MainHarness({ maxHeldBytes: 1000 + 3 * OPEN_BYTES, maxQueue: 10 });
  harness.host(open(1), open(2), open(3), open(4));
  const data = (stream: number, length: number): Uint8Array => frameOf(stream).data(new Uint8Array(length));
  harness.host(data(2, 500), data(3, 500));
  assert.deepEqual(await harness.takeBrief(), [], 'exactly the limit');
  // Stream 4 is newer, but holds its Open alone; stream 3 is what gives room.
  harness.host(data(2, 1));
  assert.deepEqual(await harness.takeBrief(), ['3 resourceExhausted']);
  harness.host(data(4, 400));
  assert.deepEqual(await harness.takeBrief(), [], 'what stream 3 held is free again');
  harness.host(data(4, 400));
  assert.deepEqual(await harness.takeBrief(), ['4 resourceExhausted']);
  harness.host(frameOf(2).cancel(''));
  harness.host(open(5), data(5, 1000));
  assert.deepEqual(await harness.takeBrief(), ['2 cancelled'], 'and what a cancelled stream held, too');
});

test('tiny frames of a queued stream count as what they cost', async () => {
  const harness = new MainHarness({ maxHeldBytes: 640 + OPEN_BYTES, maxQueue: 10 });
  harness.host(open(1), open(2));
  for (let i = 0; i < 10; i++) harness.host(frameOf(2).data(new Uint8Array(0)));
  assert.deepEqual(await harness.takeBrief(), []);
  harness.host(frameOf(2).data(new Uint8Array(0)));
  assert.deepEqual(await harness.takeBrief(), ['2 resourceExhausted']);
});

test('opens and cancels in quick succession hold no more slots and queue places than are configured', async () => {
  const harness = new MainHarness({ workers: 2, maxQueue: 3 });
  let refused = 0;
  for (let i = 1; i <= 500; i++) {
    harness.host(open(i), frameOf(i).cancel('reset'));
    refused += (await harness.takeBrief()).filter((line) => line.endsWith('resourceExhausted')).length;
    assert.ok(harness.stats.openStreams <= 5);
  }
  // Two handlers were started and have not ended; everyone else was dequeued by its own cancel.
  assert.equal(harness.tasks.length, 2);
  assert.equal(harness.stats.openStreams, 2);
  assert.equal(refused, 0);
  for (let i = 600; i < 610; i++) harness.host(open(i));
  assert.equal((await harness.takeBrief()).filter((line) => line.endsWith('resourceExhausted')).length, 7);
});

test('a deadline follows the time of day: set forward it ends the stream within 10 s, set back it does not', async () => {
  const harness = new MainHarness();
  harness.host(open(1, 'echo', NOW + 3_600_000), open(2, 'tail', NOW + 60_000));
  const causeOf = (index: number): string | undefined => harness.tasks[index]?.job.control.cause;
  harness.clock.setDay(-120_000);
  harness.clock.advance(100_000);
  assert.deepEqual([causeOf(0), harness.stats.queuedOpens], [undefined, 1], 'for none of the two it is time');
  harness.clock.setDay(3_720_000);
  harness.clock.advance(10_000);
  assert.equal(causeOf(0), 'deadlineExceeded');
  assert.equal(onlyError(await harness.take(), 2).code, 'deadlineExceeded');
});

test('a deadline that is months away, beyond the longest timer of Node, does not go off at once', async () => {
  const harness = new MainHarness();
  const farAway = NOW + 0x7fff_ffff + 5000;
  harness.host(open(1, 'echo', farAway));
  harness.clock.advance(0x7fff_ffff);
  assert.equal(harness.tasks[0]?.job.control.cause, undefined);
  harness.clock.advance(5000);
  assert.equal(harness.tasks[0]?.job.control.cause, 'deadlineExceeded');
});

test('a queued stream whose deadline passes never starts', async () => {
  const harness = new MainHarness();
  harness.host(open(1), open(2, 'echo', NOW + 100));
  harness.clock.advance(100);
  assert.deepEqual(await harness.takeBrief(), ['2 deadlineExceeded']);
  const [first] = harness.tasks;
  if (first === undefined) throw new Error('nothing runs');
  harness.settle(first);
  assert.equal(harness.tasks.length, 1);
});

test('while draining, streams that were accepted may still start', async () => {
  const harness = new MainHarness();
  harness.host(open(1), open(2));
  harness.drain();
  const [first] = harness.tasks;
  if (first === undefined) throw new Error('nothing runs');
  commitEnd(first.job, undefined);
  harness.settle(first);
  assert.equal(harness.tasks.length, 2);
});

/** An Open of `method` in a message that also holds `words` words which nothing points to, and a field of a newer schema. */
function bulkyOpen(number: number, method: string, words: number): Uint8Array {
  const payload = message([
    structPointer(0, 3, 1),
    ...([NULL, [number, 0], NULL] as const),
    structPointer(0, 1, 1),
    ...([NULL, structPointer(0, 1, 8), NULL, NULL, bytesPointer(6, method.length + 1)] as const),
    ...([NULL, NULL, NULL, NULL, NULL, bytesPointer(textWords(method).length, words * 8)] as const),
    ...textWords(method),
    ...Array<Word>(words).fill(NULL),
  ]);
  return encodeEnvelope('streamFrame', idOf(number), payload);
}

test('an Open that waits keeps its context alone, and what it keeps is counted', async () => {
  const harness = new MainHarness({ maxQueue: 10, maxHeldBytes: 2 * OPEN_BYTES }, null);
  harness.host(bulkyOpen(1, 'echo', 500_000), bulkyOpen(2, 'tail', 500_000));
  assert.deepEqual(await harness.takeBrief(), [], '8 MB came, and 272 bytes are kept');
  harness.host(open(3));
  assert.deepEqual(await harness.takeBrief(), ['3 resourceExhausted'], 'the newest is the one too many');
  harness.host(frameOf(1).cancel(''));
  harness.host(open(4));
  assert.deepEqual(await harness.takeBrief(), ['1 cancelled'], 'what it kept is free again');
});
