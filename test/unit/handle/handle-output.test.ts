import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OTHER_BYTES } from '../../support/other-bytes.ts';
import { bytes, hasCode, testStream } from './fake-stream-io.ts';

const MAX_DATA = 1_048_576;

/** Whether a promise has settled once everything that is due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a send with credit and room is out at once', async () => {
  const { io, stream } = testStream();
  const sent = stream.send(bytes(7, 100));
  assert.deepEqual(io.sent, [bytes(7, 100)]);
  await sent;
  stream.sendSync(bytes(8));
  assert.equal(io.sent.length, 2);
});

test('sends wait for credit, keep their order, and go on when it comes', async () => {
  const { io, stream } = testStream();
  io.credit = 64;
  const sends = [1, 2, 3, 4].map((value) => stream.send(bytes(value)));
  await sends[0];
  assert.equal(await isSettled(sends[1] as Promise<void>), false);
  assert.equal(io.roomsAwaited, 0, 'credit is told by a message of its own');
  io.credit = 100;
  stream.retrySends();
  await Promise.all(sends.slice(1, 3));
  assert.equal(await isSettled(sends[3] as Promise<void>), false, 'one frame may overdraw, a second may not');
  assert.deepEqual(io.sentBytes, [1, 2, 3]);
  io.credit = 1;
  stream.retrySends();
  await sends[3];
  assert.deepEqual(io.sentBytes, [1, 2, 3, 4]);
});

test('a send that finds no room asks to be told of it, and so does one that finds none again', async () => {
  const { io, stream } = testStream();
  io.room = 0;
  const sends = [stream.send(bytes(1)), stream.send(bytes(2))];
  assert.equal(io.roomsAwaited, 1);
  io.room = 1;
  stream.retrySends();
  await sends[0];
  assert.equal(io.roomsAwaited, 2);
  io.room = 1;
  stream.retrySends();
  await sends[1];
  assert.deepEqual(io.sentBytes, [1, 2]);
});

test('sendSync blocks for credit and for room until the frame is on its way', () => {
  const { io, stream } = testStream();
  io.credit = 0;
  io.room = 0;
  io.onBlock = (on) => {
    if (on === 'credit') io.credit = 10;
    else io.room = 1;
  };
  stream.sendSync(bytes(5));
  assert.deepEqual(io.blocks, ['credit', 'room']);
  assert.deepEqual(io.sentBytes, [5]);
});

test('a cancel wakes a sender that blocks for credit, and one that blocks for room', () => {
  for (const what of ['credit', 'room'] as const) {
    const { io, stream, stop } = testStream();
    io[what] = 0;
    io.onBlock = () => stop('cancelled', 'enough');
    assert.throws(() => stream.sendSync(bytes(1)), hasCode('cancelled', /enough/));
    assert.deepEqual(io.blocks, [what]);
    assert.deepEqual(io.sent, []);
  }
});

test('a cancel ends every send that waits, and every later one', async () => {
  const { io, stream, stop } = testStream();
  io.credit = 0;
  const sends = [stream.send(bytes(1)), stream.send(bytes(2))];
  stop('cancelled', 'enough');
  for (const send of sends) await assert.rejects(send, hasCode('cancelled', /enough/));
  io.credit = 1000;
  stream.retrySends();
  await assert.rejects(stream.send(bytes(3)), hasCode('cancelled'));
  assert.throws(() => stream.sendSync(bytes(3)), hasCode('cancelled'));
  assert.deepEqual(io.sent, []);
});

test('sends that a handler leaves behind fail without a sound when it is cancelled, before and after', async () => {
  const { io, stream, stop } = testStream();
  io.credit = 0;
  for (let i = 0; i < 3; i++) void stream.send(bytes(i));
  const drained = stream.drainSends();
  stop('cancelled', 'enough');
  void stream.send(bytes(3));
  await assert.rejects(drained, hasCode('cancelled', /enough/));
  // By then the test runner would have heard of a rejection that nobody handles.
  await new Promise((resolve) => setImmediate(resolve));
});

test('a send that waits is not put on the wire once a cause is decided, even if room comes before the message', async () => {
  const { io, stream, stop } = testStream();
  io.room = 0;
  const send = stream.send(bytes(1));
  io.decided = 'cancelled';
  io.room = 1;
  stream.retrySends();
  stop('cancelled', 'enough');
  await assert.rejects(send, hasCode('cancelled'));
  assert.deepEqual(io.sent, []);
});

test('a chunk of 1 MiB is one frame, and one byte more is two, with no other send between them', async () => {
  const { io, stream } = testStream();
  await stream.send(new Uint8Array(MAX_DATA));
  stream.sendSync(new Uint8Array(MAX_DATA));
  assert.deepEqual(
    io.sent.splice(0).map(({ length }) => length),
    [MAX_DATA, MAX_DATA],
  );
  const large = Uint8Array.from({ length: 2 * MAX_DATA + 3 }, (_, i) => i % 251);
  for (const send of [
    (chunk: Uint8Array) => stream.send(chunk),
    (chunk: Uint8Array) => stream.sendSync(chunk),
  ]) {
    await Promise.resolve(send(large));
    await Promise.resolve(send(bytes(5)));
    assert.deepEqual(
      io.sent.map(({ length }) => length),
      [MAX_DATA, MAX_DATA, 3, 1],
    );
    assert.deepEqual(Buffer.concat(io.sent.splice(0, 3)), Buffer.from(large));
    io.sent.length = 0;
  }
});

test('the frames of a large chunk wait for credit one by one, and what was sent after it waits behind them all', async () => {
  const { io, stream } = testStream();
  io.credit = 1;
  const large = stream.send(new Uint8Array(3 * MAX_DATA));
  const behind = stream.send(bytes(7));
  for (const frames of [2, 3]) {
    assert.equal(await isSettled(large), false);
    io.credit = 1;
    stream.retrySends();
    assert.equal(io.sent.length, frames);
  }
  await large;
  assert.equal(await isSettled(behind), false);
  io.credit = 1;
  stream.retrySends();
  await behind;
  assert.deepEqual(
    io.sent.map(({ length }) => length),
    [MAX_DATA, MAX_DATA, MAX_DATA, 1],
  );
});

test('a cancel in the middle of a large chunk ends it there, and nothing follows', async () => {
  const { io, stream, stop } = testStream();
  io.credit = 1;
  const large = stream.send(new Uint8Array(3 * MAX_DATA));
  stop('cancelled', 'enough');
  await assert.rejects(large, hasCode('cancelled', /enough/));
  io.credit = 1e9;
  stream.retrySends();
  assert.equal(io.sent.length, 1);

  const blocking = testStream();
  blocking.io.credit = 1;
  blocking.io.onBlock = () => blocking.stop('cancelled', 'enough');
  assert.throws(() => blocking.stream.sendSync(new Uint8Array(3 * MAX_DATA)), hasCode('cancelled', /enough/));
  assert.equal(blocking.io.sent.length, 1);
});

test('a handler that goes on after half of a chunk was refused does not end as if all had gone well', async () => {
  for (const how of ['send', 'sendSync'] as const) {
    const { io, stream } = testStream();
    const trySend = io.trySend.bind(io);
    let frames = 0;
    io.trySend = (payload, length) => {
      if (++frames === 2) throw new Error('the second frame is refused');
      return trySend(payload, length);
    };
    await assert.rejects(async () => stream[how](new Uint8Array(3 * MAX_DATA)), /second frame/);
    assert.equal(stream.hasPendingSends, true);
    await assert.rejects(stream.drainSends(), /second frame/);
    assert.equal(io.sent.length, 1);
  }
});

for (const [what, make] of Object.entries(OTHER_BYTES)) {
  test(`${what} is sent as the bytes that it holds`, async () => {
    const { io, stream } = testStream();
    await stream.send(make([1, 2, 3]) as Uint8Array);
    stream.sendSync(make([1, 2, 3]) as Uint8Array);
    await stream.writable.getWriter().write(make([1, 2, 3]) as Uint8Array);
    assert.deepEqual(
      io.sent,
      [1, 2, 3].map(() => Uint8Array.of(1, 2, 3)),
    );
  });
}

test('what is no bytes is the handler’s mistake, and the error says what to do', async () => {
  const { io, stream } = testStream();
  const hostile = Object.defineProperty({}, 'constructor', {
    get: () => {
      throw new Error('the constructor was asked');
    },
  });
  const wrong: [unknown, RegExp][] = [
    ['text', /not a string; encode it: new TextEncoder\(\)\.encode/],
    [5, /not a number/],
    [null, /not null/],
    [undefined, /not undefined/],
    [[1, 2], /not Array/],
    [new Uint16Array(2), /not Uint16Array; its bytes are new Uint8Array\(array\.buffer/],
    [{}, /not Object/],
    [Object.create(null), /not an object/],
    [hostile, /not an object/],
    [new Proxy(new Uint8Array(3), {}), /a stream sends bytes/],
  ];
  for (const [given, message] of wrong) {
    const payload = given as Uint8Array;
    await assert.rejects(stream.send(payload), hasCode('handlerFailed', message));
    assert.throws(() => stream.sendSync(payload), hasCode('handlerFailed', message));
  }
  assert.equal(io.sent.length, 0);
});

test('sendSync does not overtake sends that wait', async () => {
  const { io, stream } = testStream();
  io.credit = 0;
  const waiting = stream.send(bytes(1));
  io.credit = 1000;
  assert.throws(() => stream.sendSync(bytes(2)), hasCode('handlerFailed', /overtake/));
  stream.retrySends();
  await waiting;
  assert.deepEqual(io.sentBytes, [1]);
});

test('nothing can be sent after the end, and what waits then fails', async () => {
  const { io, stream } = testStream();
  io.credit = 0;
  const waiting = stream.send(bytes(1));
  stream.finish();
  await assert.rejects(waiting, hasCode('unavailable'));
  io.credit = 1000;
  stream.retrySends();
  await assert.rejects(stream.send(bytes(2)), hasCode('unavailable'));
  assert.throws(() => stream.sendSync(bytes(2)), hasCode('unavailable'));
  assert.deepEqual(io.sent, []);
});

test('drainSends waits for all that was left behind, and fails with what prevents it', async () => {
  const { io, stream, stop } = testStream();
  await stream.drainSends();
  io.credit = 0;
  const sends = [stream.send(bytes(1)), stream.send(bytes(2))];
  assert.equal(stream.hasPendingSends, true);
  const drained = stream.drainSends();
  io.credit = 1;
  stream.retrySends();
  assert.equal(await isSettled(drained), false);
  io.credit = 1;
  stream.retrySends();
  await drained;
  await Promise.all(sends);
  assert.equal(stream.hasPendingSends, false);
  io.credit = 0;
  const late = stream.send(bytes(3));
  const failed = stream.drainSends();
  stop('cancelled', 'enough');
  await assert.rejects(failed, hasCode('cancelled'));
  await assert.rejects(late, hasCode('cancelled'));
});

test('trySend sends what can go out now, and waits for nothing', async () => {
  const { io, stream, stop } = testStream();
  io.credit = 1;
  assert.equal(stream.trySend(bytes(1)), true);
  assert.equal(stream.trySend(bytes(2)), false, 'no credit');
  io.credit = 1000;
  io.room = 0;
  assert.equal(stream.trySend(bytes(2)), false, 'no room');
  io.room = Infinity;
  io.credit = 0;
  const waiting = stream.send(bytes(3));
  io.credit = 1000;
  assert.equal(stream.trySend(bytes(4)), false, 'it would overtake');
  stream.retrySends();
  await waiting;
  assert.deepEqual(io.sentBytes, [1, 3]);
  assert.throws(() => stream.trySend('text' as unknown as Uint8Array), hasCode('handlerFailed'));
  stop('cancelled', 'enough');
  assert.equal(stream.trySend(bytes(5)), false, 'it is over');
});

test('trySend of more than a frame sends the first at once, and a copy of the rest as credit comes', async () => {
  const { io, stream } = testStream();
  io.credit = 1;
  const large = bytes(7, 2 * MAX_DATA + 3);
  assert.equal(stream.trySend(large), true);
  large.fill(0xee);
  assert.deepEqual([io.sent.length, stream.hasPendingSends], [1, true]);
  io.credit = 1e9;
  stream.retrySends();
  await stream.drainSends();
  assert.deepEqual(Buffer.concat(io.sent), Buffer.alloc(large.length, 7));
});

test('what is sent after the end is dropped, with one warning, and raises nothing', async () => {
  const { io, stream } = testStream();
  stream.finish();
  for (let i = 0; i < 3; i++) void stream.send(bytes(i));
  await assert.rejects(
    stream.send(bytes(4)),
    hasCode('unavailable'),
    'so that a loop which awaits its sends ends',
  );
  assert.throws(() => stream.sendSync(bytes(5)), hasCode('unavailable'));
  assert.equal(stream.trySend(bytes(6)), false);
  assert.deepEqual(io.sent, []);
  assert.equal(io.warnings.length, 1);
  assert.match(io.warnings[0] ?? '', /dropped/);
});
