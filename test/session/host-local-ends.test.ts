import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test, type TestContext } from 'node:test';
import { HostSession } from '../../src/host/index.ts';
import { encodeHandleResponse } from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { FakeModule } from './fake-module.ts';

const NOW = 1_000_000;
const GRACE_MS = 2_000;

function connect(t: TestContext): { module: FakeModule; session: HostSession } {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW });
  const module = new FakeModule();
  return { module, session: new HostSession(module.transport) };
}

/** Whether `promise` has settled by now, microtasks included. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = (): boolean => (settled = true);
  void promise.then(done, done);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a request whose module never answers ends some time after its deadline; its late answer is no violation', async (t) => {
  const { module, session } = connect(t);
  const call = session.request('m', EMPTY_PAYLOAD, { deadline: NOW + 500 });
  const { requestId } = await module.next();
  t.mock.timers.tick(500 + GRACE_MS - 1);
  assert.equal(await isSettled(call), false);
  t.mock.timers.tick(1);
  await assert.rejects(call, { code: 'deadlineExceeded', message: /within 2000 ms after the deadline/ });
  module.answer(requestId, encodeHandleResponse({ body: EMPTY_PAYLOAD }));
  assert.deepEqual(session.violations, []);
});

test('a stream does so, too, and its id stays taken until the module’s last word', async (t) => {
  const { module, session } = connect(t);
  const stream = session.openStream('m', { deadline: NOW + 500 });
  const read = stream.next();
  await module.nextFrame('open');
  t.mock.timers.tick(500 + GRACE_MS);
  await assert.rejects(read, { code: 'deadlineExceeded' });
  await assert.rejects(stream.closed, { code: 'deadlineExceeded' });
  await assert.rejects(stream.send(EMPTY_PAYLOAD), { code: 'cancelled' });
  assert.equal((await module.nextFrame('cancel')).reason, 'the deadline has passed');
  assert.throws(() => session.openStream('m', { id: stream.id }), { code: 'invalidArgument' });
  module.data(stream.id, Uint8Array.of(1));
  module.error(stream.id, { code: 'deadlineExceeded', message: '' });
  session.openStream('m', { id: stream.id });
  assert.deepEqual(session.violations, []);
});

test('a cancel acts here when the module doesn’t answer it', async (t) => {
  const { module, session } = connect(t);
  const stream = session.openStream('m');
  await module.nextFrame('open');
  stream.cancel('enough');
  t.mock.timers.tick(GRACE_MS - 1);
  assert.equal(await isSettled(stream.closed), false);
  t.mock.timers.tick(1);
  await assert.rejects(stream.closed, { code: 'cancelled', message: /^enough \(/ });
  module.close(stream.id);
  assert.deepEqual(session.violations, []);
});

test('a module that answers in time has the last word', async (t) => {
  const { module, session } = connect(t);
  const stream = session.openStream('m', { deadline: NOW + 500 });
  await module.nextFrame('open');
  t.mock.timers.tick(600);
  module.error(stream.id, { code: 'deadlineExceeded', message: 'the module says so' });
  t.mock.timers.tick(GRACE_MS);
  await assert.rejects(stream.closed, { message: 'the module says so' });
  assert.deepEqual(await module.rest(), []);
});

test('disposing of a stream cancels it and waits for its end', async (t) => {
  const { module, session } = connect(t);
  const stream = session.openStream('m');
  await module.nextFrame('open');
  const disposed = stream[Symbol.asyncDispose]();
  await module.nextFrame('cancel');
  assert.equal(await isSettled(disposed), false);
  module.error(stream.id, { code: 'cancelled', message: '' });
  await disposed;
  await stream[Symbol.asyncDispose]();
});

test('where the module is gone, an error says whether the call may have started', async () => {
  for (const neverRan of [true, false]) {
    const module = new FakeModule();
    const session = new HostSession(module.transport);
    const stream = session.openStream('m');
    const call = session.request('m', EMPTY_PAYLOAD);
    module.end({ message: 'It is gone.', clean: false, neverRan });
    for (const promise of [stream.closed, stream.next(), stream.send(EMPTY_PAYLOAD), call])
      await assert.rejects(promise, { code: 'unavailable', started: !neverRan });
    for (const promise of [session.openStream('m').closed, session.health()])
      await assert.rejects(promise, { code: 'unavailable', started: false });
  }
});

test('after the end of its input a module is asked nothing more', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  session.endInput();
  await assert.rejects(session.request('m', EMPTY_PAYLOAD), { code: 'unavailable', started: false });
  await assert.rejects(session.openStream('m').closed, { code: 'unavailable', started: false });
});

test('a stream that could not be opened no longer listens to its signal', () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const { signal } = new AbortController();
  const context = { deadlineUnixMs: -1 };
  assert.throws(() => session.openStream('m', { signal, context }), RangeError);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a transport holds the process while a promise is pending, and only then', async () => {
  const module = new FakeModule();
  const held: string[] = [];
  Object.assign(module.transport, { ref: () => held.push('ref'), unref: () => held.push('unref') });
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  await stream.send(Uint8Array.of(1));
  assert.deepEqual(held, [], 'an open stream holds nothing');
  const [read, health] = [stream.next(), session.health()];
  module.data(stream.id, Uint8Array.of(1));
  await read;
  assert.deepEqual(held, ['ref']);
  module.end({ message: '', clean: false });
  await assert.rejects(health);
  assert.deepEqual(held, ['ref', 'unref']);
  await assert.rejects(stream.closed);
  assert.deepEqual(held.filter((what) => what === 'ref').length, held.length / 2);
});
