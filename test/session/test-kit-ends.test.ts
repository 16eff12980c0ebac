import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineModule, type UnaryRequest } from '../../src/index.ts';
import { testModule } from '../../src/testing/index.ts';
import { RawSession } from '../support/raw-session.ts';
import blocking from '../fixtures/blocking.ts';

const FILE = new URL('../fixtures/blocking.ts', import.meta.url);

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const echo = defineModule({
  name: 'echo',
  version: '1.0.0',
  onServerStream: {
    async *echo(stream) {
      for await (const chunk of stream) yield chunk;
    },
    /** Starts when its input has ended. */
    *late(stream) {
      yield* stream;
    },
    async deaf() {
      await new Promise(() => {});
    },
  },
});

test('a deadline and the grace time pass by the test’s clock alone', async () => {
  const t = await testModule(echo, { now: 1_000_000, cancelGraceMs: 1000 });
  const patient = t.open('echo', { deadline: t.now() + 5000 });
  const deaf = t.open('deaf', { deadline: t.now() + 5000 });
  await t.advance(4999);
  // One worker: the second waits for the first.
  patient.end();
  assert.equal((await patient.outcome).code, 'close');
  await t.advance(1);
  await t.advance(999);
  let isOver = false;
  void deaf.outcome.then(() => (isOver = true));
  await t.settled();
  assert.equal(isOver, false);
  await t.advance(1);
  assert.equal((await deaf.outcome).code, 'deadlineExceeded');
  // The deaf handler keeps its slot; another worker has taken its place.
  const next = t.open('echo');
  next.end();
  assert.equal((await next.outcome).code, 'close');
  await t.close();
});

test('a cancelled stream has one terminal frame, whether its handler waits, runs or has not started', async () => {
  const t = await testModule(echo, { workers: 2 });
  const waiting = t.open('echo');
  const notStarted = t.open('late');
  const queued = t.open('echo');
  await t.settled();
  for (const stream of [waiting, notStarted, queued]) {
    stream.cancel('enough');
    assert.deepEqual(await stream.outcome.then(({ code, message }) => [code, message]), [
      'cancelled',
      'cancelled by the host: enough',
    ]);
    await stream.assertOneTerminal();
  }
  await t.close();
});

test('a worker killed after n frames ends its stream with workerCrashed, behind what it had sent', async () => {
  const t = await testModule(echo);
  const stream = t.open('echo');
  stream.killWorker(2);
  const received: number[] = [];
  const reader = (async () => {
    for await (const chunk of stream) received.push(chunk[0] ?? -1);
  })();
  for (let i = 0; i < 2; i++) await stream.send(new Uint8Array([i]));
  await assert.rejects(reader, { code: 'workerCrashed' });
  assert.deepEqual(received, [0, 1]);
  await stream.assertOneTerminal();
  const next = t.open('echo');
  next.end();
  assert.equal((await next.outcome).code, 'close');
  await t.close();
});

test('killed at once, a stream that waits for its worker dies when it starts', async () => {
  const t = await testModule(echo);
  const first = t.open('echo');
  const second = t.open('echo');
  second.killWorker();
  await t.settled();
  assert.equal(second.frames, 0);
  first.end();
  assert.equal((await first.outcome).code, 'close');
  assert.equal((await second.outcome).code, 'workerCrashed');
  await t.close();
});

test('a stream that was never opened is owed no terminal frame, and close has nothing to say of it', async () => {
  const t = await testModule(echo);
  const sound = t.open('echo');
  const aborted = t.open('echo', { signal: AbortSignal.abort('too late') });
  const { code, message } = await aborted.outcome;
  assert.deepEqual([code, message], ['cancelled', 'too late']);
  await assert.rejects(aborted.assertOneTerminal(), /no terminal frame/);
  sound.end();
  await sound.assertOneTerminal();
  await t.close();
});

test('close ends what still runs, listens, or has not started', async () => {
  const t = await testModule(echo, { workers: 3 });
  const open = [t.open('echo'), t.open('deaf'), t.open('late')];
  await t.settled();
  await t.close();
  for (const stream of open) assert.equal((await stream.outcome).code, 'cancelled');
});

test('close fails where the module has ended by itself', async () => {
  const t = await testModule(echo);
  const stream = t.open('echo');
  await t.settled();
  new RawSession(t.session).sendRaw(new Uint8Array(64).fill(0xff));
  assert.equal((await stream.outcome).code, 'unavailable');
  await assert.rejects(t.close(), /ended with code 76/);
});

test('on threads of their own a handler that never looks up is ended when its grace time is over', async () => {
  const t = await testModule(blocking, { file: FILE, cancelGraceMs: 60_000 });
  const stream = t.open('forever');
  assert.equal((await stream[Symbol.asyncIterator]().next()).done, false, 'it runs');
  stream.cancel('enough');
  await t.advance(60_000);
  assert.equal((await stream.outcome).code, 'cancelled');
  await t.close();
});

test('on threads of their own a worker is killed in the middle of its frames, and the wire stays whole', async () => {
  const t = await testModule(blocking, { file: FILE });
  const stream = t.open('counts');
  stream.killWorker(100);
  const numbers: number[] = [];
  await assert.rejects(
    (async () => {
      for await (const chunk of stream)
        numbers.push(new DataView(chunk.buffer, chunk.byteOffset).getUint32(0));
    })(),
    { code: 'workerCrashed' },
  );
  assert.ok(numbers.length >= 100, `${numbers.length} frames`);
  assert.deepEqual(numbers, Array.from(numbers.keys()));
  await stream.assertOneTerminal();
  await t.close();
});

test('a stream or request that has ended is not touched by what becomes of a later one in its place', async () => {
  const kept: Record<
    string,
    Pick<UnaryRequest, 'cancelled' | 'signal' | 'services' | 'throwIfCancelled'>
  > = {};
  const t = await testModule(
    defineModule({
      name: 'keeps',
      version: '1.0.0',
      onServerStream: {
        async first(stream) {
          kept['stream'] = stream;
        },
        async second(stream) {
          await stream[Symbol.asyncIterator]().next();
        },
      },
      onHandle(request) {
        kept['request'] = request;
        return request.body;
      },
    }),
    { workers: 1, onService: () => utf8('answer') },
  );
  const first = t.open('first');
  first.end();
  assert.equal((await first.outcome).code, 'close');
  await t.session.request('m', utf8('body'));
  const second = t.open('second');
  second.cancel('enough');
  assert.equal((await second.outcome).code, 'cancelled');
  for (const [what, old] of Object.entries(kept)) {
    assert.equal(old.cancelled, false, what);
    assert.equal(old.signal.aborted, false, what);
    assert.throws(() => old.throwIfCancelled(), { code: 'unavailable' }, what);
    await assert.rejects(old.services.request('s', 'm', utf8('')), { code: 'unavailable' }, what);
    assert.throws(() => old.services.requestSync('s', 'm', utf8('')), { code: 'unavailable' }, what);
  }
  assert.deepEqual(Object.keys(kept), ['stream', 'request']);
  await t.close();
});
