import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession, type StreamId } from '../../src/host/index.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { INITIAL_CREDIT, MAX_DATA_BYTES } from '../../src/wire/flow-limits.ts';
import { RawSession } from '../support/raw-session.ts';
import { FakeModule } from './fake-module.ts';

const ID = '000000000000000a000000000000000b' as StreamId;
const OTHER = '000000000000000a000000000000000c' as StreamId;
const one = Uint8Array.from([1]);

function connect(): { module: FakeModule; session: HostSession; kinds: () => string[] } {
  const module = new FakeModule();
  const reported: string[] = [];
  const session = new HostSession(module.transport, { onViolation: ({ kind }) => reported.push(kind) });
  return {
    module,
    session,
    kinds: () => {
      const kinds = session.violations.map(({ kind }) => kind);
      assert.deepEqual(reported, kinds, 'the callback says the same');
      return kinds;
    },
  };
}

test('a frame for an id that was never opened', () => {
  const { module, kinds } = connect();
  module.data(ID, one);
  module.error(ID, { code: 'protocolViolation', message: '' });
  assert.deepEqual(kinds(), ['unknownStream', 'unknownStream']);
});

test('of a module that never stops, the first violations are kept, all are counted, and each is told', () => {
  const module = new FakeModule();
  let told = 0;
  const session = new HostSession(module.transport, { onViolation: () => told++ });
  module.error(ID, { code: 'internal', message: '' });
  for (let i = 1; i < 1100; i++) module.data(ID, one);
  assert.equal(session.violations.length, 1000);
  assert.match(session.violations[0]?.message ?? '', /Arm 5/);
  assert.equal(session.violationCount, 1100);
  assert.equal(told, 1100);
});

test('a frame after the terminal one', async () => {
  const { module, session, kinds } = connect();
  const stream = session.openStream('m', { id: ID });
  module.close(ID);
  module.close(ID);
  module.error(ID, { code: 'cancelled', message: '' });
  await stream.closed;
  assert.deepEqual(kinds(), ['afterTerminal', 'afterTerminal']);
});

test('Data beyond the credit fails that stream alone, and the module is told', async () => {
  const { module, session, kinds } = connect();
  const stream = session.openStream('m', { id: ID });
  const other = session.openStream('m', { id: OTHER });
  module.data(ID, new Uint8Array(INITIAL_CREDIT));
  assert.deepEqual(kinds(), []);
  module.data(ID, one);
  assert.deepEqual(kinds(), ['flowControl']);
  await assert.rejects(stream.closed, { code: 'flowControlViolation' });
  await module.nextFrame('open');
  await module.nextFrame('open');
  assert.equal((await module.nextFrame('error')).code, 'flowControlViolation');
  // The terminal frame of the module is still due, and no violation of its own.
  module.error(ID, { code: 'cancelled', message: '' });
  module.close(OTHER);
  await other.closed;
  assert.deepEqual(kinds(), ['flowControl']);
  assert.equal(new RawSession(session).liveStreams, 0);
});

test('Data beyond the largest frame', async () => {
  const { module, session, kinds } = connect();
  const stream = session.openStream('m', { id: ID });
  module.data(ID, new Uint8Array(MAX_DATA_BYTES));
  await stream.next();
  assert.deepEqual(kinds(), []);
  module.data(ID, new Uint8Array(MAX_DATA_BYTES + 1));
  assert.deepEqual(kinds(), ['flowControl']);
});

test('a grant beyond the cost of what was sent; one of 0 is nothing', async () => {
  const { module, session, kinds } = connect();
  const stream = session.openStream('m', { id: ID });
  await stream.send(new Uint8Array(100));
  module.credit(ID, 0);
  module.credit(ID, 100);
  assert.deepEqual(kinds(), []);
  module.credit(ID, 1);
  assert.deepEqual(kinds(), ['overGrant']);
  await assert.rejects(stream.closed, { code: 'flowControlViolation' });
});

test('arms and types that only a host may send, and ones that nobody knows', async () => {
  const { module, session, kinds } = connect();
  session.openStream('m', { id: ID });
  module.send(new FrameEncoder(ID).cancel('no'));
  session.openStream('m', { id: OTHER });
  module.send(encodeOpenFrame(OTHER, {}, 1));
  const unknownArm = new FrameEncoder(OTHER).close();
  unknownArm[80 + 16 + 16] = 99;
  module.send(unknownArm);
  assert.deepEqual(kinds(), ['frame', 'frame', 'frame']);
  module.send(
    encodeEnvelope('health', 'x', EMPTY_PAYLOAD),
    encodeEnvelope('serviceResponse', 'x', EMPTY_PAYLOAD),
  );
  const unknownType = encodeEnvelope('health', 'x', EMPTY_PAYLOAD);
  unknownType[16] = 77;
  module.send(unknownType);
  assert.deepEqual(kinds().slice(3), ['wrongDirection', 'wrongDirection', 'wrongDirection']);
});

test('a frame that can not be read, or that names two ids, fails the stream of the envelope', async () => {
  const { module, session, kinds } = connect();
  const first = session.openStream('m', { id: ID });
  module.send(encodeEnvelope('streamFrame', ID, EMPTY_PAYLOAD));
  await assert.rejects(first.closed, { code: 'protocolViolation' });
  const second = session.openStream('m', { id: OTHER });
  const twoIds = new FrameEncoder(OTHER).close();
  twoIds[80 + 16] = 0xff;
  module.send(twoIds);
  await assert.rejects(second.closed, { code: 'protocolViolation' });
  module.send(encodeEnvelope('streamFrame', 'not an id', EMPTY_PAYLOAD));
  assert.deepEqual(kinds(), ['frame', 'frame', 'frame']);
});

test('broken framing and an envelope that can not be read end the connection', async () => {
  const broken: [string, Uint8Array][] = [
    ['framing', Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
    // One segment of one word whose root pointer leads outside.
    ['envelope', Uint8Array.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0])],
  ];
  for (const [kind, bytes] of broken) {
    const { module, session, kinds } = connect();
    const stream = session.openStream('m', { id: ID });
    const call = session.request('m', one);
    module.send(bytes);
    module.close(ID);
    assert.deepEqual(kinds(), [kind]);
    assert.equal(module.closed, true);
    await assert.rejects(stream.closed, { code: 'protocolViolation' });
    await assert.rejects(call, { code: 'protocolViolation' });
    await assert.rejects(session.health(), { code: 'protocolViolation' });
    await assert.rejects(session.openStream('m').closed, { code: 'protocolViolation' });
  }
});

test('answers to nothing, and answers that can not be read', async () => {
  const { module, session, kinds } = connect();
  module.answer('nothing', EMPTY_PAYLOAD);
  module.fail('nothing', { code: 'internal', message: '' });
  const call = session.health();
  const { requestId } = await module.next();
  module.answer(requestId, one);
  await assert.rejects(call, { code: 'protocolViolation' });
  module.send(
    encodeEnvelope('serviceRequest', 's1', one),
    encodeEnvelope('serviceRequest', '', EMPTY_PAYLOAD),
  );
  assert.deepEqual(kinds(), [
    'unknownAnswer',
    'unknownAnswer',
    'malformedAnswer',
    'malformedAnswer',
    'malformedAnswer',
  ]);
});

test('a message after the answer to shutdown, and a stream that it left without a terminal frame', async () => {
  const { module, session, kinds } = connect();
  session.openStream('m', { id: ID });
  const shutdown = session.shutdown();
  const crossing = session.openStream('m', { id: OTHER });
  await module.nextFrame('open');
  module.answer((await module.next()).requestId, EMPTY_PAYLOAD);
  await shutdown;
  assert.deepEqual(
    session.violations.map(({ kind, requestId }) => [kind, requestId]),
    [['missingTerminal', ID]],
  );
  module.close(OTHER);
  assert.deepEqual(kinds(), ['missingTerminal', 'afterShutdown']);
  module.end({ message: 'The module exited with code 0.', clean: false });
  await assert.rejects(crossing.closed, { code: 'unavailable' });
});

test('the last message is the answer to the last of several shutdowns, and a refused one ends nothing', async () => {
  const { module, session, kinds } = connect();
  const stream = session.openStream('m', { id: ID });
  const shutdowns = [session.shutdown(), session.shutdown(), session.shutdown()];
  await module.nextFrame('open');
  const ids = [await module.next(), await module.next(), await module.next()].map(
    ({ requestId }) => requestId,
  );
  module.fail(ids[0] ?? '', { code: 'protocolViolation', message: 'what?' });
  await assert.rejects(shutdowns[0] ?? stream.closed, { code: 'protocolViolation' });
  module.close(ID);
  module.answer(ids[1] ?? '', EMPTY_PAYLOAD);
  module.answer(ids[2] ?? '', EMPTY_PAYLOAD);
  await Promise.all(shutdowns.slice(1));
  assert.deepEqual(kinds(), []);
  module.send(encodeEnvelope('serviceRequest', 's', EMPTY_PAYLOAD));
  assert.deepEqual(kinds(), ['afterShutdown']);
});

test('a clean end inside a message or before a terminal frame; after a crash both are to be expected', () => {
  for (const clean of [true, false]) {
    const { module, session, kinds } = connect();
    session.openStream('m', { id: ID });
    module.send(new FrameEncoder(ID).close().subarray(0, 100));
    module.end({ message: '', clean });
    assert.deepEqual(kinds(), clean ? ['framing', 'missingTerminal'] : []);
  }
});

test('a host that writes by hand can listen for the answers, and is told off without a violation', async () => {
  const { module, session } = connect();
  const raw = new RawSession(session);
  const kinds = (): string[] => raw.violations.map(({ kind }) => kind);
  const adopted = raw.adoptStream(ID);
  const answer = raw.expectAnswer('my-own');
  raw.sendRaw(encodeOpenFrame(ID, { method: 'raw' }, INITIAL_CREDIT));
  raw.sendRaw(encodeEnvelope('health', 'my-own', EMPTY_PAYLOAD));
  assert.equal((await module.nextFrame('open')).context.method, 'raw');
  assert.equal((await module.next()).requestId, 'my-own');
  module.answer('my-own', one);
  assert.deepEqual(await answer, one);
  module.credit(ID, 1_000_000);
  module.error(OTHER, { code: 'protocolViolation', message: 'no such stream' });
  module.fail('who?', { code: 'protocolViolation', message: 'no stream id' });
  module.error(ID, { code: 'protocolViolation', message: 'bad' });
  await assert.rejects(adopted.closed, { code: 'protocolViolation', message: 'bad' });
  assert.deepEqual(kinds(), []);
  module.error(OTHER, { code: 'cancelled', message: '' });
  assert.deepEqual(kinds(), ['unknownStream']);
});
