import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { HostSession, ModuleError, type HostStream, type StreamId } from '../../src/host/index.ts';
import { INITIAL_CREDIT } from '../../src/wire/flow-limits.ts';
import { RawSession } from '../support/raw-session.ts';
import { FakeModule } from './fake-module.ts';

const ID = '000000000000000a000000000000000b' as StreamId;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function readAll(stream: HostStream): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const data of stream) all.push(data);
  return all;
}

for (const chunkBytes of [1, 7, 136, Infinity]) {
  test(`an echo stream goes through when the host reads ${chunkBytes} bytes at once`, async () => {
    const module = new FakeModule(chunkBytes);
    const session = new HostSession(module.transport);
    const stream = session.openStream('echo', { id: ID, metadata: { a: '1', b: '2' } });
    await stream.send(bytes(1, 2, 3));
    await stream.send(bytes());
    stream.end();

    const open = await module.nextFrame('open');
    assert.equal(open.context.method, 'echo');
    assert.deepEqual(open.context.metadata, [
      ['a', '1'],
      ['b', '2'],
    ]);
    assert.equal(open.initialCredit, INITIAL_CREDIT);
    assert.deepEqual((await module.nextFrame('data')).data, bytes(1, 2, 3));
    assert.deepEqual((await module.nextFrame('data')).data, bytes());
    await module.nextFrame('close');

    module.data(ID, bytes(1, 2, 3));
    module.data(ID, bytes());
    module.close(ID);
    assert.deepEqual(await readAll(stream), [bytes(1, 2, 3), bytes()]);
    await stream.closed;
    assert.equal(new RawSession(session).liveStreams, 0);
    assert.deepEqual(session.violations, []);
  });
}

test('each stream gets an id of its own, and what belongs to it', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const first = session.openStream('a');
  const second = session.openStream('b');
  assert.notEqual(first.id, second.id);
  assert.match(first.id, /^[0-9a-f]{32}$/);
  module.data(second.id, bytes(2));
  module.data(first.id, bytes(1));
  module.close(second.id);
  module.close(first.id);
  assert.deepEqual(await readAll(first), [bytes(1)]);
  assert.deepEqual(await readAll(second), [bytes(2)]);
  assert.deepEqual(session.violations, []);
});

test('an open that can’t be encoded throws, and leaves its id free and nothing on the wire', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const metadata = { count: 3 as never };
  assert.throws(() => session.openStream('echo', { id: ID, metadata }), TypeError);
  session.openStream('echo', { id: ID });
  const { context } = await module.nextFrame('open');
  assert.deepEqual([context.method, context.metadata], ['echo', []]);
});

test('streams whose ids share a bucket of the table stay apart', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  // The exclusive or of the four words is 3 for each of these.
  const ids = ['3', '00000001000000000000000000000002', '00000002000000000000000000000001'].map(
    (text) => text.padStart(32, '0') as StreamId,
  );
  const streams = ids.map((id) => session.openStream('m', { id }));
  for (const [index, id] of ids.entries()) module.data(id, bytes(index));
  // The one in the middle of the chain goes first.
  for (const id of [ids[1], ids[0], ids[2]]) if (id !== undefined) module.close(id);
  const read = await Promise.all(streams.map(readAll));
  assert.deepEqual(read, [[bytes(0)], [bytes(1)], [bytes(2)]]);
  assert.equal(new RawSession(session).liveStreams, 0);
  assert.deepEqual(session.violations, []);
});

test('ids that differ in one of their four words stay apart', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const ids = [0, 8, 16, 24].map((at) => `${'0'.repeat(at)}00000001`.padEnd(32, '0') as StreamId);
  const last = '00000001000000010000000100000001' as StreamId;
  const lookAlikes = [0, 8, 16, 24].map(
    (at) => `${last.slice(0, at)}00000002${last.slice(at + 8)}` as StreamId,
  );
  const all = [...ids, last, ...lookAlikes];
  const streams = all.map((id) => session.openStream('m', { id }));
  for (const [index, id] of all.entries()) module.data(id, bytes(index));
  for (const id of all) module.close(id);
  const read = await Promise.all(streams.map(readAll));
  assert.deepEqual(
    read,
    all.map((_, index) => [bytes(index)]),
  );
  assert.deepEqual(session.violations, []);
});

test('received payloads stay as they were when the read buffer is used again, and share no byte', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m', { initialCredit: 2 ** 24 });
  // On both sides of every size at which they are copied in another way, and more than one slab of the pool.
  const sizes = [1, 64, 65, 127, 4_096, 4_096, 4_095, 4_000, 100, 4_097, 70_000];
  for (const [index, size] of sizes.entries()) module.data(stream.id, new Uint8Array(size).fill(index + 1));
  module.close(stream.id);
  const payloads = await readAll(stream);
  assert.deepEqual(
    payloads.map(({ length }) => length),
    sizes,
  );
  for (const [index, payload] of payloads.entries()) {
    assert.ok(payload.every((byte) => byte === index + 1));
    payload.fill(0);
  }
});

test('an id can be used again right after its terminal frame', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const first = session.openStream('m', { id: ID });
  assert.throws(
    () => session.openStream('m', { id: ID }),
    (error) => error instanceof ModuleError && error.code === 'invalidArgument',
  );
  module.data(ID, bytes(1));
  module.close(ID);
  const second = session.openStream('m', { id: ID });
  module.data(ID, bytes(2));
  module.error(ID, { code: 'handlerFailed', message: 'boom' });
  assert.deepEqual(await readAll(first), [bytes(1)]);
  assert.deepEqual((await second.next()).value, bytes(2));
  await assert.rejects(second.next(), { code: 'handlerFailed', message: 'boom' });
  assert.deepEqual(session.violations, []);
});

test('an error comes after the data before it, with its code, message and details', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  module.data(stream.id, bytes(1));
  module.error(stream.id, { code: 'resourceExhausted', message: 'full', details: bytes(9) });
  const seen: Uint8Array[] = [];
  await assert.rejects(
    async () => {
      for await (const data of stream) seen.push(data);
    },
    (error) => {
      assert.ok(error instanceof ModuleError);
      assert.equal(error.code, 'resourceExhausted');
      assert.equal(error.message, 'full');
      assert.deepEqual(error.details, bytes(9));
      return true;
    },
  );
  assert.deepEqual(seen, [bytes(1)]);
  await assert.rejects(stream.closed, { code: 'resourceExhausted' });
  await assert.rejects(stream.send(bytes(1)), { code: 'resourceExhausted' });
  assert.equal(stream.trySend(bytes(1)), false);
});

test('reads that wait get the data in order, then the end', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  const reads = [stream.next(), stream.next(), stream.next()];
  module.data(stream.id, bytes(1));
  module.data(stream.id, bytes(2));
  module.close(stream.id);
  assert.deepEqual(await Promise.all(reads), [
    { done: false, value: bytes(1) },
    { done: false, value: bytes(2) },
    { done: true, value: undefined },
  ]);
});

test('a half-close ends the input only', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  stream.end();
  stream.end();
  await assert.rejects(stream.send(bytes(1)), { code: 'invalidArgument' });
  assert.throws(() => stream.trySend(bytes(1)), { code: 'invalidArgument' });
  module.data(stream.id, bytes(1));
  assert.deepEqual((await stream.next()).value, bytes(1));
  assert.deepEqual(await module.rest(), ['open', 'close']);
  module.close(stream.id);
  await stream.closed;
});

test('a module that closes first ends the sending too, without a frame from the host', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  module.close(stream.id);
  await assert.rejects(stream.send(bytes(1)), { code: 'cancelled' });
  stream.end();
  stream.cancel('late');
  stream.grant(5);
  assert.deepEqual(await module.rest(), ['open']);
});

test('a cancel is asked once, fails the sends that wait, and ends with the answer of the module', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  await stream.send(new Uint8Array(INITIAL_CREDIT));
  const waiting = stream.send(bytes(1));
  stream.cancel('enough');
  stream.cancel('really');
  await assert.rejects(waiting, { code: 'cancelled', message: 'enough' });
  await module.nextFrame('open');
  await module.nextFrame('data');
  assert.equal((await module.nextFrame('cancel')).reason, 'enough');
  // As much as would be granted back at once; but the stream is to end, so it isn't.
  module.data(stream.id, new Uint8Array(INITIAL_CREDIT));
  assert.equal((await stream.next()).value?.length, INITIAL_CREDIT);
  module.error(stream.id, { code: 'cancelled', message: 'as the host asked' });
  await assert.rejects(stream.next(), { code: 'cancelled', message: 'as the host asked' });
  assert.deepEqual(await module.rest(), []);
  assert.deepEqual(session.violations, []);
});

test('an abort signal cancels with its reason, and is let go of when the stream is over', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const controller = new AbortController();
  const stream = session.openStream('m', { signal: controller.signal });
  const other = session.openStream('m', { signal: controller.signal });
  module.close(other.id);
  controller.abort(new Error('the user left'));
  await module.nextFrame('open');
  await module.nextFrame('open');
  const message = await module.next();
  assert.equal(message.requestId, stream.id);
  assert.deepEqual(message.frame, { arm: 'cancel', reason: 'the user left' });
  assert.deepEqual(await module.rest(), []);
  module.error(stream.id, { code: 'cancelled', message: '' });
  await assert.rejects(stream.closed, { code: 'cancelled' });
  const unused = new AbortController();
  const third = session.openStream('m', { signal: unused.signal });
  assert.equal(getEventListeners(unused.signal, 'abort').length, 1);
  module.close(third.id);
  assert.equal(getEventListeners(unused.signal, 'abort').length, 0);
});

test('a signal that has fired opens nothing', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m', { signal: AbortSignal.abort('too late') });
  await assert.rejects(stream.closed, { code: 'cancelled', message: 'too late' });
  await assert.rejects(stream.next(), { code: 'cancelled' });
  await assert.rejects(stream.send(bytes(1)), { code: 'cancelled' });
  assert.deepEqual(await module.rest(), []);
  assert.equal(new RawSession(session).liveStreams, 0);
});

test('leaving the loop cancels the stream and drops what still comes', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  module.data(stream.id, bytes(1));
  module.data(stream.id, bytes(2));
  for await (const data of stream) {
    assert.deepEqual(data, bytes(1));
    break;
  }
  module.data(stream.id, bytes(3));
  assert.deepEqual(await module.rest(), ['open', 'cancel']);
  module.error(stream.id, { code: 'cancelled', message: '' });
  assert.equal(new RawSession(session).liveStreams, 0);
  assert.deepEqual(session.violations, []);
});

test('a stream that fails while nobody looks causes no unhandled rejection', async (t) => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  t.after(() => process.off('unhandledRejection', onUnhandled));
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const looked = session.openStream('m');
  void looked.closed;
  session.openStream('m');
  module.end({ message: 'The module exited with code 9.', clean: false });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});

test('the context says what the options say, and rejects a deadline that is no point in time', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  session.openStream('m', {
    deadline: new Date(1_700_000_000_123),
    caller: 'user:1',
    tenant: 't',
    invocationId: 'i',
    traceparent: '00-1-2-01',
    context: { tracestate: 's', caller: 'overridden', metadata: [['x', 'y']] },
    initialCredit: 0,
  });
  const { context, initialCredit } = await module.nextFrame('open');
  assert.deepEqual(context, {
    invocationId: 'i',
    method: 'm',
    caller: 'user:1',
    tenant: 't',
    deadlineUnixMs: 1_700_000_000_123,
    traceparent: '00-1-2-01',
    tracestate: 's',
    metadata: [['x', 'y']],
  });
  assert.equal(initialCredit, 0);
  assert.throws(() => session.openStream('m', { deadline: new Date('never') }), { code: 'invalidArgument' });
  assert.throws(() => session.openStream('m', { initialCredit: -1 }), { code: 'invalidArgument' });
  assert.equal(new RawSession(session).liveStreams, 1);
});
