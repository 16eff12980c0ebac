import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OP } from '../../src/threads/messages.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { commitEnd } from '../support/fake-workers.ts';
import type { DecodedFrame, DecodedMessage } from '../support/decoded-message.ts';
import { MainHarness } from '../support/main-harness.ts';
import { idOf } from '../support/module-facts.ts';

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

test('a cancel reaches the handler by word and by message, and the host’s reason goes with it', async () => {
  const harness = new MainHarness();
  harness.host(open(1));
  harness.host(frameOf(1).cancel('the user went away'));
  const [task] = harness.tasks;
  assert.equal(task?.job.control.cause, 'cancelled');
  const stop = harness.ops.find(({ kind }) => kind === OP.stop);
  assert.match(new TextDecoder().decode(stop?.payload), /the user went away/);
  assert.deepEqual(
    await harness.takeBrief(),
    [],
    'no terminal frame before the handler can send nothing more',
  );
  assert.deepEqual(harness.clock.delays, [1000], 'the grace time');
  harness.clock.advance(1000);
  const { code, message } = onlyError(await harness.take(), 1);
  assert.equal(code, 'cancelled');
  assert.match(message, /the user went away/);
});

test('input of all sizes reaches the worker in order, however its messages are cut', () => {
  const sizes = [10, 70_000, 65_536, 3, 40_000, 1_048_576, 0, 65_536, 65_529];
  const payloads = sizes.map((size, at) => new Uint8Array(size).fill(at + 1));
  for (const cut of [Infinity, 65_536, 50_001]) {
    const harness = new MainHarness({ receiveWindow: 4 << 20 });
    harness.host(open(1));
    const stream = Buffer.concat(payloads.map((payload) => frameOf(1).data(payload)));
    for (let at = 0; at < stream.length; at += cut) harness.host(stream.subarray(at, at + cut));
    const data = harness.ops.filter(({ kind }) => kind === OP.data);
    assert.deepEqual(
      data.map(({ payload }) => payload.length),
      sizes,
    );
    for (const [at, { payload }] of data.entries())
      assert.ok(Buffer.from(payload).equals(payloads[at]!), `chunk ${at}, cut at ${cut}`);
  }
});

test('a worker’s death is told with how it died', async () => {
  const harness = new MainHarness();
  harness.host(open(1));
  harness.crash(harness.task(0), 'its heap was full');
  const { code, message } = onlyError(await harness.take(), 1);
  assert.equal(code, 'workerCrashed');
  assert.match(message, /heap was full/);
});

test('an id that comes back before the old handler is gone belongs to the new stream alone', async () => {
  const harness = new MainHarness({ workers: 2 });
  harness.host(open(1));
  const [first] = harness.tasks;
  if (first === undefined) throw new Error('nothing runs');
  harness.host(frameOf(1).cancel(''));
  harness.kill(first);
  assert.deepEqual(await harness.takeBrief(), ['1 cancelled']);
  harness.host(open(1), frameOf(1).credit(7));
  const second = harness.tasks[1];
  assert.equal(second?.job.control.credit, 262_144 + 7);
  harness.crash(first, 'gone');
  assert.deepEqual(await harness.takeBrief(), [], 'the old stream has had its terminal frame');
  harness.host(frameOf(1).data(new Uint8Array([5])));
  assert.equal(harness.ops.at(-1)?.job, second?.number);
});

test('a credit of 0 is ignored and counted, in a live stream too', async () => {
  const harness = new MainHarness();
  harness.host(open(1), frameOf(1).credit(0), frameOf(9).credit(0));
  assert.equal(harness.stats.lateFrames, 2);
  assert.deepEqual(harness.ops, []);
});

test('however many grants come while a handler computes, one message tells of them', async () => {
  const harness = new MainHarness();
  harness.host(open(1));
  for (let i = 0; i < 1000; i++) harness.host(frameOf(1).credit(1));
  assert.deepEqual(
    harness.ops.map(({ kind }) => kind),
    [OP.credit],
  );
  assert.equal(harness.tasks[0]?.job.control.credit, 262_144 + 1000);
  harness.tasks[0].job.control.hearCredit();
  harness.host(frameOf(1).credit(1));
  assert.equal(harness.ops.length, 2);
});

test('a grant up to a balance of 2^31-1 is taken, one byte more ends the stream', async () => {
  const harness = new MainHarness({ workers: 2 });
  harness.host(open(1, 'echo', 0, 1), open(2, 'echo', 0, 1));
  harness.host(frameOf(1).credit(0x7fff_fffe), frameOf(2).credit(0x7fff_ffff));
  const [first, second] = harness.tasks;
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

test('a frame whose text is malformed is a protocolViolation of a queued stream', async () => {
  for (const [what, message] of badTexts(2)) {
    const harness = new MainHarness();
    harness.host(open(1), open(2));
    harness.host(message);
    assert.deepEqual(await harness.takeBrief(), ['2 protocolViolation'], what);
    assert.equal(harness.stats.queuedOpens, 0);
    harness.settle(harness.task(0));
    assert.equal(harness.tasks.length, 1, 'it never runs');
  }
});

test('a frame whose text is malformed is a protocolViolation of a running stream, and stops its handler', async () => {
  for (const [what, message] of badTexts(1)) {
    const harness = new MainHarness();
    harness.host(open(1));
    harness.host(message);
    assert.equal(harness.tasks[0]?.job.control.cause, 'protocolViolation', what);
    assert.ok(harness.ops.some(({ kind }) => kind === OP.stop));
    assert.deepEqual(harness.clock.delays, [1000]);
  }
});

test('a frame whose text is malformed is answered for an id that isn’t live, too', async () => {
  for (const [what, message] of badTexts(1)) {
    const harness = new MainHarness();
    harness.host(message);
    assert.deepEqual(await harness.takeBrief(), ['1 protocolViolation'], what);
  }
});

test('what the host’s own words bring into an error message is cut to the limit', async () => {
  const long = 'é'.repeat(20_000);
  const harness = new MainHarness();
  harness.host(open(1), open(2), frameOf(2).cancel(long));
  const queued = onlyError(await harness.take(), 2);
  assert.ok(Buffer.byteLength(queued.message) <= MAX_MESSAGE, `${Buffer.byteLength(queued.message)} bytes`);
  harness.host(open(3, 'é'.repeat(10_000)));
  const unknown = onlyError(await harness.take(), 3);
  assert.ok(Buffer.byteLength(unknown.message) <= MAX_MESSAGE, `${Buffer.byteLength(unknown.message)} bytes`);
  harness.host(frameOf(1).cancel(long));
  const [task] = harness.tasks;
  if (task === undefined) throw new Error('nothing runs');
  harness.kill(task);
  const running = onlyError(await harness.take(), 1);
  assert.ok(Buffer.byteLength(running.message) <= MAX_MESSAGE, `${Buffer.byteLength(running.message)} bytes`);
});

test('the reason that a worker gets for its terminal frame is within the limit, too', async () => {
  const harness = new MainHarness();
  harness.host(open(1), frameOf(1).cancel('x'.repeat(100_000)));
  const stop = harness.ops.find(({ kind }) => kind === OP.stop);
  assert.ok((stop?.payload.length ?? 0) <= MAX_MESSAGE, `${stop?.payload.length} bytes`);
});

test('frames for other streams in one read reach their own workers', async () => {
  const harness = new MainHarness({ workers: 2 });
  harness.host(open(1), open(2));
  const messages: Uint8Array[] = [];
  for (let i = 0; i < 20; i++) messages.push(frameOf(1 + (i % 2)).data(new Uint8Array([i])));
  harness.host(...messages);
  for (const [at, { number }] of harness.tasks.entries()) {
    const seen = harness.ops.filter(({ job }) => job === number).map(({ payload }) => payload[0]);
    assert.deepEqual(
      seen,
      Array.from({ length: 10 }, (_, i) => i * 2 + at),
    );
  }
});

test('a frame in an envelope of another id hurts the envelope’s stream, not the frame’s', async () => {
  const harness = new MainHarness({ workers: 2 });
  harness.host(open(1), open(2));
  const close = frameOf(2).close();
  harness.host(encodeEnvelope('streamFrame', idOf(1), close.subarray(80)));
  assert.equal(harness.tasks[0]?.job.control.cause, 'protocolViolation');
  assert.equal(harness.tasks[1]?.job.control.cause, undefined);
});

test('the end of the connection cancels what waits at once and tells what runs', async () => {
  const harness = new MainHarness();
  harness.host(open(1), open(2), open(3));
  harness.main.onHostGone();
  assert.deepEqual(await harness.takeBrief(), ['2 cancelled', '3 cancelled']);
  assert.equal(harness.tasks[0]?.job.control.cause, 'cancelled');
  assert.deepEqual(harness.exits, []);
  harness.crash(harness.task(0), 'ended');
  assert.deepEqual(await harness.takeBrief(), ['1 cancelled']);
  assert.deepEqual(harness.exits, [0]);
});

test('a stream whose terminal frame is out is not stopped again by the end of the connection', async () => {
  const harness = new MainHarness();
  harness.host(open(1));
  const [task] = harness.tasks;
  if (task === undefined) throw new Error('nothing runs');
  commitEnd(task.job, undefined);
  harness.main.onHostGone();
  assert.equal(task.job.control.cause, undefined);
  assert.deepEqual(harness.ops, [], 'nobody tells it to stop');
});
