import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OP } from '../../src/threads/messages.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { commitEnd } from '../support/fake-workers.ts';
import type { DecodedFrame, DecodedMessage } from '../support/decoded-message.ts';
import { idOf, MANIFEST, NOW, RouterBench } from '../support/router-bench.ts';
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

test('an Open that several checks would refuse gets the answer of the first, in the protocol’s order', () => {
  const reasons = {
    metadata: Array.from({ length: 5 }, (_, i): [string, string] => [`k${i}`, 'v']),
    method: 'nothing',
    deadlineUnixMs: NOW - 1,
  };
  const small = { maxMetadataEntries: 4, maxContextBytes: 2048 };
  const tooMuch = 0x8000_0000;
  const bench = new RouterBench(small);
  bench.streams.drain();
  bench.host(encodeOpenFrame(idOf(1), reasons, tooMuch));
  assert.equal(onlyError(bench.take(), 1).code, 'unavailable');

  const serving = new RouterBench(small);
  const ask = (context: Parameters<typeof encodeOpenFrame>[1], credit?: number): string => {
    serving.host(encodeOpenFrame(idOf(1), context, credit));
    return onlyError(serving.take(), 1).code;
  };
  assert.equal(ask(reasons, tooMuch), 'invalidArgument');
  assert.equal(ask({ ...reasons, metadata: [], caller: 'x'.repeat(3000) }, tooMuch), 'invalidArgument');
  assert.equal(ask({ ...reasons, metadata: [] }, tooMuch), 'flowControlViolation');
  assert.equal(ask({ ...reasons, metadata: [] }), 'methodNotFound');
  assert.equal(ask({ method: 'echo', deadlineUnixMs: NOW - 1 }), 'deadlineExceeded');
  assert.equal(ask({ method: 'echo', deadlineUnixMs: NOW }), 'deadlineExceeded', 'now is too late');

  const full = new RouterBench({ maxQueue: 0 });
  full.host(open(1));
  full.host(open(2, 'echo', NOW - 1));
  assert.equal(onlyError(full.take(), 2).code, 'deadlineExceeded');
  full.host(open(3));
  assert.equal(onlyError(full.take(), 3).code, 'resourceExhausted');
  assert.equal(full.streams.openCount, 1);
});

test('a module without stream handlers refuses every Open, whatever its method', () => {
  const bench = new RouterBench({}, { ...MANIFEST, streams: undefined });
  bench.host(open(1, 'nothing', NOW - 1));
  assert.equal(onlyError(bench.take(), 1).code, 'streamingUnsupported');
});

test('a single handler serves any method', () => {
  const bench = new RouterBench({}, { ...MANIFEST, streams: { mode: 'sync' } });
  bench.host(open(1, 'whatever'));
  assert.equal(bench.dispatched.length, 1);
});

test('an Open with limits met exactly is accepted', () => {
  const metadata = Array.from({ length: 4 }, (): [string, string] => ['k', 'v']);
  const bench = new RouterBench({ maxMetadataEntries: 4 });
  bench.host(encodeOpenFrame(idOf(1), { method: 'echo', metadata }, 0x7fff_ffff));
  assert.deepEqual(bench.takeBrief(), []);
  assert.equal(bench.dispatched[0]?.job.control.credit, 0x7fff_ffff);
});

test('a full queue refuses at once and says how deep it is', () => {
  const bench = new RouterBench({ maxQueue: 2 });
  bench.host(open(1), open(2), open(3), open(4));
  const { code, message } = onlyError(bench.take(), 4);
  assert.equal(code, 'resourceExhausted');
  assert.match(message, /2 opens wait/);
  assert.equal(bench.streams.queuedCount, 2);
});

test('opens that come before the first worker has loaded are checked when it has, in order', () => {
  const bench = new RouterBench({ maxQueue: 2, workers: 2 }, null);
  bench.host(open(1), open(2, 'nothing'), open(3), open(4));
  assert.deepEqual(bench.takeBrief(), [], 'two will run as soon as there are workers, two more may wait');
  bench.host(open(5));
  assert.equal(onlyError(bench.take(), 5).code, 'resourceExhausted');
  bench.host(frameOf(3).cancel(''));
  assert.deepEqual(bench.takeBrief(), ['3 cancelled']);
  bench.load(MANIFEST);
  assert.deepEqual(bench.takeBrief(), ['2 methodNotFound']);
  assert.deepEqual(
    bench.dispatched.map(({ id }) => id),
    [idOf(1), idOf(4)],
  );
});

test('a deadline that passed before the module has loaded comes after handler and method, as with a loaded one', () => {
  for (const early of [true, false]) {
    const bench = new RouterBench({}, early ? null : MANIFEST);
    bench.host(open(1, 'nothing', NOW - 1), open(2, 'echo', NOW - 1));
    bench.clock.advance(10);
    if (early) bench.load(MANIFEST);
    assert.deepEqual(bench.takeBrief(), ['1 methodNotFound', '2 deadlineExceeded']);
    assert.equal(bench.clock.pending, 0);
  }
});

test('a deadline that comes while its Open is looked at is not missed', (t) => {
  const bench = new RouterBench();
  bench.host(open(1));
  let now = NOW;
  // Each look finds it a millisecond later.
  t.mock.method(bench.clock, 'now', () => now++);
  bench.host(open(2, 'echo', NOW + 1));
  assert.equal(bench.clock.pending, 1);
});

test('a queued Open whose deadline has passed never starts, though its timer has not run', (t) => {
  const bench = new RouterBench();
  bench.host(open(1), open(2, 'echo', NOW + 5));
  t.mock.method(bench.clock, 'now', () => NOW + 6);
  const [running] = bench.dispatched;
  assert.ok(running);
  commitEnd(running.job, undefined);
  bench.settle(running);
  assert.deepEqual(bench.takeBrief(), ['2 deadlineExceeded']);
  assert.equal(bench.dispatched.length, 1);
});

test('a deadline that passes while the module loads is told in time', () => {
  const bench = new RouterBench({}, null);
  bench.host(open(1, 'echo', NOW + 50));
  bench.clock.advance(50);
  assert.deepEqual(bench.takeBrief(), ['1 deadlineExceeded']);
  bench.load(MANIFEST);
  assert.deepEqual(bench.takeBrief(), []);
  assert.equal(bench.dispatched.length, 0);
});

test('where no worker can be had for a while, what waits and what comes is refused with the cause', () => {
  const bench = new RouterBench();
  bench.host(open(1), open(2));
  bench.unavailable = 'no thread can start';
  bench.streams.refuseWaiting(bench.unavailable);
  const { code, message } = onlyError(bench.take(), 2);
  assert.equal(code, 'unavailable');
  assert.match(message, /no thread can start/);
  assert.equal(bench.streams.openCount, 1, 'what runs runs on');
  bench.host(open(3), open(4, 'nothing'));
  assert.deepEqual(bench.takeBrief(), ['3 unavailable', '4 methodNotFound'], 'the other checks come first');
});

test('a stream that comes when a worker is back waits again', () => {
  const bench = new RouterBench();
  bench.unavailable = 'no thread can start';
  bench.host(open(1));
  bench.unavailable = undefined;
  bench.host(open(2));
  assert.deepEqual(bench.takeBrief(), ['1 unavailable']);
  assert.deepEqual(
    bench.dispatched.map(({ id }) => id),
    [idOf(2)],
  );
});

test('an Open that comes ahead of the first load is refused while no worker can be had', () => {
  const bench = new RouterBench({}, null);
  bench.host(open(1));
  bench.unavailable = 'no thread can start';
  bench.streams.refuseWaiting(bench.unavailable);
  bench.host(open(2));
  assert.deepEqual(bench.takeBrief(), ['1 unavailable', '2 unavailable']);
  bench.unavailable = undefined;
  bench.load(MANIFEST);
  assert.equal(bench.dispatched.length, 0);
  assert.equal(bench.streams.isIdle, true);
});

test('input that came before a worker is delivered in order, ahead of the half-close', () => {
  const bench = new RouterBench();
  bench.host(open(1), open(2));
  for (let i = 0; i < 3; i++) bench.host(frameOf(2).data(new Uint8Array([i])));
  bench.host(frameOf(2).close(), frameOf(2).credit(50));
  bench.ops.length = 0;
  const [first] = bench.dispatched;
  if (first === undefined) throw new Error('nothing runs');
  commitEnd(first.job, undefined);
  bench.settle(first);
  const number = bench.dispatched[1]?.assignment.number;
  assert.deepEqual(
    bench.ops.map(({ kind, job, payload }) => [kind, job, ...payload]),
    [
      [OP.data, number, 0],
      [OP.data, number, 1],
      [OP.data, number, 2],
      [OP.end, number],
    ],
  );
  assert.equal(bench.dispatched[1]?.job.control.credit, 262_144 + 50);
});

test('input that is held for queued streams is bounded: the newest that holds some is refused', () => {
  const bench = new RouterBench({ maxHeldBytes: 1000 + 3 * OPEN_BYTES, maxQueue: 10 });
  bench.host(open(1), open(2), open(3), open(4));
  const data = (stream: number, length: number): Uint8Array => frameOf(stream).data(new Uint8Array(length));
  bench.host(data(2, 500), data(3, 500));
  assert.deepEqual(bench.takeBrief(), [], 'exactly the limit');
  // Stream 4 is newer, but holds its Open alone; stream 3 is what gives room.
  bench.host(data(2, 1));
  assert.deepEqual(bench.takeBrief(), ['3 resourceExhausted']);
  bench.host(data(4, 400));
  assert.deepEqual(bench.takeBrief(), [], 'what stream 3 held is free again');
  bench.host(data(4, 400));
  assert.deepEqual(bench.takeBrief(), ['4 resourceExhausted']);
  bench.host(frameOf(2).cancel(''));
  bench.host(open(5), data(5, 1000));
  assert.deepEqual(bench.takeBrief(), ['2 cancelled'], 'and what a cancelled stream held, too');
});

test('tiny frames of a queued stream count as what they cost', () => {
  const bench = new RouterBench({ maxHeldBytes: 640 + OPEN_BYTES, maxQueue: 10 });
  bench.host(open(1), open(2));
  for (let i = 0; i < 10; i++) bench.host(frameOf(2).data(new Uint8Array(0)));
  assert.deepEqual(bench.takeBrief(), []);
  bench.host(frameOf(2).data(new Uint8Array(0)));
  assert.deepEqual(bench.takeBrief(), ['2 resourceExhausted']);
});

test('opens and cancels in quick succession hold no more seats and queue places than are configured', () => {
  const bench = new RouterBench({ workers: 2, maxQueue: 3 });
  let refused = 0;
  for (let i = 1; i <= 500; i++) {
    bench.host(open(i), frameOf(i).cancel('reset'));
    refused += bench.takeBrief().filter((line) => line.endsWith('resourceExhausted')).length;
    assert.ok(bench.streams.openCount <= 5);
  }
  // Two handlers were started and have not ended; everyone else was dequeued by its own cancel.
  assert.equal(bench.dispatched.length, 2);
  assert.equal(bench.streams.openCount, 2);
  assert.equal(refused, 0);
  for (let i = 600; i < 610; i++) bench.host(open(i));
  assert.equal(bench.takeBrief().filter((line) => line.endsWith('resourceExhausted')).length, 7);
});

test('a deadline follows the time of day: set forward it ends the stream within 10 s, set back it does not', () => {
  const bench = new RouterBench();
  bench.host(open(1, 'echo', NOW + 3_600_000), open(2, 'tail', NOW + 60_000));
  const causeOf = (index: number): string | undefined => bench.dispatched[index]?.job.control.cause;
  bench.clock.setDay(-120_000);
  bench.clock.advance(100_000);
  assert.deepEqual([causeOf(0), bench.streams.queuedCount], [undefined, 1], 'for none of the two it is time');
  bench.clock.setDay(3_720_000);
  bench.clock.advance(10_000);
  assert.equal(causeOf(0), 'deadlineExceeded');
  assert.equal(onlyError(bench.take(), 2).code, 'deadlineExceeded');
});

test('a deadline that is months away, beyond the longest timer of Node, does not go off at once', () => {
  const bench = new RouterBench();
  const farAway = NOW + 0x7fff_ffff + 5000;
  bench.host(open(1, 'echo', farAway));
  bench.clock.advance(0x7fff_ffff);
  assert.equal(bench.dispatched[0]?.job.control.cause, undefined);
  bench.clock.advance(5000);
  assert.equal(bench.dispatched[0]?.job.control.cause, 'deadlineExceeded');
});

test('a queued stream whose deadline passes never starts', () => {
  const bench = new RouterBench();
  bench.host(open(1), open(2, 'echo', NOW + 100));
  bench.clock.advance(100);
  assert.deepEqual(bench.takeBrief(), ['2 deadlineExceeded']);
  const [first] = bench.dispatched;
  if (first === undefined) throw new Error('nothing runs');
  bench.settle(first);
  assert.equal(bench.dispatched.length, 1);
});

test('while draining, streams that were accepted may still start', () => {
  const bench = new RouterBench();
  bench.host(open(1), open(2));
  bench.streams.drain();
  const [first] = bench.dispatched;
  if (first === undefined) throw new Error('nothing runs');
  commitEnd(first.job, undefined);
  bench.settle(first);
  assert.equal(bench.dispatched.length, 2);
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

test('an Open that waits keeps its context alone, and what it keeps is counted', () => {
  const bench = new RouterBench({ maxQueue: 10, maxHeldBytes: 2 * OPEN_BYTES }, null);
  bench.host(bulkyOpen(1, 'echo', 500_000), bulkyOpen(2, 'tail', 500_000));
  assert.deepEqual(bench.takeBrief(), [], '8 MB came, and 272 bytes are kept');
  bench.host(open(3));
  assert.deepEqual(bench.takeBrief(), ['3 resourceExhausted'], 'the newest is the one too many');
  bench.host(frameOf(1).cancel(''));
  bench.host(open(4));
  assert.deepEqual(bench.takeBrief(), ['1 cancelled'], 'what it kept is free again');
});
