import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OP } from '../../src/threads/messages.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { commitEnd } from '../support/fake-workers.ts';
import type { DecodedFrame, DecodedMessage } from '../support/decoded-message.ts';
import { idOf, RouterBench } from '../support/router-bench.ts';

/** What an error message that goes out is cut to, in bytes. */
const MAX_MESSAGE = 4096;

function open(number: number, method = 'echo', deadlineUnixMs = 0, credit = 262_144): Uint8Array {
  return encodeOpenFrame(idOf(number), { method, deadlineUnixMs }, credit);
}

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

test('a cancel reaches the handler by word and by message, and the host’s reason goes with it', () => {
  const bench = new RouterBench();
  bench.host(open(1));
  bench.host(frameOf(1).cancel('the user went away'));
  const [task] = bench.dispatched;
  assert.equal(task?.job.control.cause, 'cancelled');
  const stop = bench.ops.find(({ kind }) => kind === OP.stop);
  assert.match(new TextDecoder().decode(stop?.payload), /the user went away/);
  assert.deepEqual(bench.takeBrief(), [], 'no terminal frame before the handler can send nothing more');
  assert.deepEqual(bench.clock.delays, [1000], 'the grace time');
  bench.clock.advance(1000);
  assert.equal(bench.toEnd.length, 1);
  bench.fence(bench.toEnd[0] as NonNullable<(typeof bench.toEnd)[0]>, 'ended');
  const { code, message } = onlyError(bench.take(), 1);
  assert.equal(code, 'cancelled');
  assert.match(message, /the user went away/);
});

test('a worker’s death is told with how it died', () => {
  const bench = new RouterBench();
  bench.host(open(1));
  bench.crash([...bench.workers][0] as NonNullable<(typeof bench.toEnd)[0]>, 'its heap was full');
  const { code, message } = onlyError(bench.take(), 1);
  assert.equal(code, 'workerCrashed');
  assert.match(message, /heap was full/);
});

test('an id that comes back before the old handler is gone belongs to the new stream alone', () => {
  const bench = new RouterBench({ workers: 2 });
  bench.host(open(1));
  const [first] = bench.dispatched;
  if (first === undefined) throw new Error('nothing runs');
  bench.host(frameOf(1).cancel(''));
  bench.fence(first.assignment.worker, 'ended');
  assert.deepEqual(bench.takeBrief(), ['1 cancelled']);
  bench.host(open(1), frameOf(1).credit(7));
  const second = bench.dispatched[1];
  assert.equal(second?.job.control.credit, 262_144 + 7);
  bench.crash(first.assignment.worker, 'gone');
  assert.deepEqual(bench.takeBrief(), [], 'the old stream has had its terminal frame');
  bench.host(frameOf(1).data(new Uint8Array([5])));
  assert.equal(bench.ops.at(-1)?.job, second?.assignment.number);
});

test('a credit of 0 is ignored and counted, in a live stream too', () => {
  const bench = new RouterBench();
  bench.host(open(1), frameOf(1).credit(0), frameOf(9).credit(0));
  assert.equal(bench.streams.lateFrames, 2);
  assert.deepEqual(bench.ops, []);
});

test('however many grants come while a handler computes, one message tells of them', () => {
  const bench = new RouterBench();
  bench.host(open(1));
  for (let i = 0; i < 1000; i++) bench.host(frameOf(1).credit(1));
  assert.deepEqual(
    bench.ops.map(({ kind }) => kind),
    [OP.credit],
  );
  assert.equal(bench.dispatched[0]?.job.control.credit, 262_144 + 1000);
  bench.dispatched[0].job.control.hearCredit();
  bench.host(frameOf(1).credit(1));
  assert.equal(bench.ops.length, 2);
});

test('a grant up to a balance of 2^31-1 is taken, one byte more ends the stream', () => {
  const bench = new RouterBench({ workers: 2 });
  bench.host(open(1, 'echo', 0, 1), open(2, 'echo', 0, 1));
  bench.host(frameOf(1).credit(0x7fff_fffe), frameOf(2).credit(0x7fff_ffff));
  const [first, second] = bench.dispatched;
  assert.equal(first?.job.control.credit, 0x7fff_ffff);
  assert.equal(first.job.control.cause, undefined);
  assert.equal(second?.job.control.cause, 'flowControlViolation');
});

/** Frames whose text is no UTF-8: sound as far as pointers go, and malformed all the same. */
function badTexts(number: number): [what: string, message: Uint8Array][] {
  const spoil = (message: Uint8Array): Uint8Array => {
    const at = Buffer.from(message).lastIndexOf('spoil');
    assert.ok(at > 0);
    message[at] = 0xff;
    return message;
  };
  return [
    ['cancel', spoil(frameOf(number).cancel('spoil'))],
    ['error', spoil(frameOf(number).error({ code: 'internal', message: 'spoil' }))],
    ['open', spoil(encodeOpenFrame(idOf(number), { method: 'echo', caller: 'spoil' }))],
  ];
}

test('a frame whose text is malformed is a protocolViolation of a queued stream', () => {
  for (const [what, message] of badTexts(2)) {
    const bench = new RouterBench();
    bench.host(open(1), open(2));
    bench.host(message);
    assert.deepEqual(bench.takeBrief(), ['2 protocolViolation'], what);
    assert.equal(bench.streams.queuedCount, 0);
    bench.settle(bench.dispatched[0] as NonNullable<(typeof bench.dispatched)[0]>);
    assert.equal(bench.dispatched.length, 1, 'it never runs');
  }
});

test('a frame whose text is malformed is a protocolViolation of a running stream, and stops its handler', () => {
  for (const [what, message] of badTexts(1)) {
    const bench = new RouterBench();
    bench.host(open(1));
    bench.host(message);
    assert.equal(bench.dispatched[0]?.job.control.cause, 'protocolViolation', what);
    assert.ok(bench.ops.some(({ kind }) => kind === OP.stop));
    assert.deepEqual(bench.clock.delays, [1000]);
  }
});

test('a frame whose text is malformed is answered for an id that isn’t live, too', () => {
  for (const [what, message] of badTexts(1)) {
    const bench = new RouterBench();
    bench.host(message);
    assert.deepEqual(bench.takeBrief(), ['1 protocolViolation'], what);
  }
});

test('what the host’s own words bring into an error message is cut to the limit', () => {
  const long = 'é'.repeat(20_000);
  const bench = new RouterBench();
  bench.host(open(1), open(2), frameOf(2).cancel(long));
  const queued = onlyError(bench.take(), 2);
  assert.ok(Buffer.byteLength(queued.message) <= MAX_MESSAGE, `${Buffer.byteLength(queued.message)} bytes`);
  bench.host(open(3, 'é'.repeat(10_000)));
  const unknown = onlyError(bench.take(), 3);
  assert.ok(Buffer.byteLength(unknown.message) <= MAX_MESSAGE, `${Buffer.byteLength(unknown.message)} bytes`);
  bench.host(frameOf(1).cancel(long));
  const [task] = bench.dispatched;
  if (task === undefined) throw new Error('nothing runs');
  bench.fence(task.assignment.worker, 'ended');
  const running = onlyError(bench.take(), 1);
  assert.ok(Buffer.byteLength(running.message) <= MAX_MESSAGE, `${Buffer.byteLength(running.message)} bytes`);
});

test('the reason that a worker gets for its terminal frame is within the limit, too', () => {
  const bench = new RouterBench();
  bench.host(open(1), frameOf(1).cancel('x'.repeat(100_000)));
  const stop = bench.ops.find(({ kind }) => kind === OP.stop);
  assert.ok((stop?.payload.length ?? 0) <= MAX_MESSAGE, `${stop?.payload.length} bytes`);
});

test('frames for other streams in one read reach their own workers', () => {
  const bench = new RouterBench({ workers: 2 });
  bench.host(open(1), open(2));
  const messages: Uint8Array[] = [];
  for (let i = 0; i < 20; i++) messages.push(frameOf(1 + (i % 2)).data(new Uint8Array([i])));
  bench.host(...messages);
  for (const [at, { assignment }] of bench.dispatched.entries()) {
    const seen = bench.ops.filter(({ job }) => job === assignment.number).map(({ payload }) => payload[0]);
    assert.deepEqual(
      seen,
      Array.from({ length: 10 }, (_, i) => i * 2 + at),
    );
  }
});

test('a frame in an envelope of another id hurts the envelope’s stream, not the frame’s', () => {
  const bench = new RouterBench({ workers: 2 });
  bench.host(open(1), open(2));
  const close = frameOf(2).close();
  bench.host(encodeEnvelope('streamFrame', idOf(1), close.subarray(80)));
  assert.equal(bench.dispatched[0]?.job.control.cause, 'protocolViolation');
  assert.equal(bench.dispatched[1]?.job.control.cause, undefined);
});

test('the end of the connection cancels what waits at once and tells what runs', () => {
  const bench = new RouterBench();
  bench.host(open(1), open(2), open(3));
  bench.streams.drain();
  bench.streams.cancelAll('the host is gone');
  assert.deepEqual(bench.takeBrief(), ['2 cancelled', '3 cancelled']);
  assert.equal(bench.dispatched[0]?.job.control.cause, 'cancelled');
  assert.equal(bench.streams.isIdle, false);
  bench.crash([...bench.workers][0] as NonNullable<(typeof bench.toEnd)[0]>, 'ended');
  assert.deepEqual(bench.takeBrief(), ['1 cancelled']);
  assert.equal(bench.streams.isIdle, true);
});

test('a stream whose terminal frame is out is not stopped again by the end of the connection', () => {
  const bench = new RouterBench();
  bench.host(open(1));
  const [task] = bench.dispatched;
  if (task === undefined) throw new Error('nothing runs');
  commitEnd(task.job, undefined);
  bench.streams.cancelAll('the host is gone');
  assert.equal(task.job.control.cause, undefined);
  assert.deepEqual(bench.clock.delays, []);
});

test('job numbers come round at 2^31, and every operation and answer still finds its stream', () => {
  const bench = new RouterBench({ streamsPerWorker: 3 }, undefined, 0x7fff_fffe);
  bench.host(open(1, 'tail'), open(2, 'tail'), open(3, 'tail'));
  const numbers = bench.dispatched.map(({ assignment }) => assignment.number);
  assert.deepEqual(numbers, [0x7fff_ffff, -0x8000_0000, -0x7fff_ffff]);
  for (let i = 1; i <= 3; i++) bench.host(frameOf(i).data(Uint8Array.of(i)));
  assert.deepEqual(
    bench.ops.filter(({ kind }) => kind === OP.data).map(({ job, payload }) => [job, payload[0]]),
    numbers.map((number, i) => [number, i + 1]),
  );
  for (const task of bench.dispatched) {
    commitEnd(task.job, undefined);
    bench.settle(task);
  }
  assert.equal(bench.streams.isIdle, true);
  assert.equal(bench.streams.openCount, 0);
});
