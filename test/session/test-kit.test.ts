import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { defineModule, ModuleError, type UnaryRequest } from '../../src/index.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { merge, testModule } from '../../src/testing/index.ts';
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
    *digest(stream) {
      const hash = createHash('sha256');
      for (const chunk of stream) hash.update(chunk);
      yield hash.digest();
    },
    *flood() {
      for (let i = 0; i < 2000; i++) yield new Uint8Array(1024).fill(i);
    },
    *asks(stream) {
      yield stream.services.requestSync('kv', 'get', utf8('key'));
    },
    async *'asks-async'(stream) {
      yield await stream.services.request('kv', 'get', utf8('key'));
    },
    async fails() {
      throw new ModuleError('unavailable', 'later', { details: utf8('why') });
    },
  },
  onHandle: ({ body }) => body,
});

test('a conversation goes on while the handler runs, on the thread of the test', async () => {
  const t = await testModule(echo);
  const stream = t.open('echo');
  for (let i = 0; i < 3; i++) {
    await stream.send(new Uint8Array([i]));
    assert.deepEqual((await stream[Symbol.asyncIterator]().next()).value, new Uint8Array([i]));
  }
  stream.end();
  assert.equal((await stream.outcome).code, 'close');
  assert.equal(stream.frames, 3);
  await stream.assertOneTerminal();
  await t.close();
});

test('a host that answers no cancelled stream’s request leaves room for those of others', async () => {
  const asked: (() => void)[] = [];
  const t = await testModule(echo, {
    onService: () => {
      asked.shift()?.();
      return new Promise(() => {});
    },
  });
  const ask = async (): Promise<ReturnType<typeof t.open<'asks-async'>>> => {
    const isAsked = new Promise<void>((resolve) => asked.push(resolve));
    const stream = t.open('asks-async');
    await Promise.race([isAsked, stream.outcome]);
    return stream;
  };
  // As many as may wait at once.
  for (let i = 0; i < 1024; i++) {
    const stream = await ask();
    stream.cancel('no longer needed');
    assert.equal((await stream.outcome).code, 'cancelled');
  }
  await ask();
  assert.equal(asked.length, 0, 'the host was asked once more');
  await t.close();
});

test('a job that breaks costs an answer, and never its worker', async () => {
  let isBroken = false;
  const t = await testModule({
    ...echo,
    onHandle({ body: answer }: UnaryRequest) {
      const later = Promise.resolve(answer);
      // The job asks a promise for its class, where no handler's mistakes are expected.
      if (isBroken)
        void Object.defineProperty(later, 'constructor', {
          get: () => {
            throw Object.create(null);
          },
        });
      return later;
    },
  });
  const body = Uint8Array.of(1, 2);
  assert.deepEqual(await t.session.request('any', body), body);
  isBroken = true;
  await assert.rejects(t.session.request('any', body), { code: 'internal' });
  isBroken = false;
  assert.deepEqual(await t.session.request('any', body), body);
  await t.close();
});

test('a synchronous handler starts when its input has ended, and reads all of it', async () => {
  const t = await testModule(echo);
  const stream = t.open('digest');
  await stream.send(utf8('hel'));
  // Begun now, it would find no more input.
  await t.settled();
  await stream.send(utf8('lo'));
  stream.end();
  const [digest] = await stream.collect();
  // printf hello | sha256sum
  const expected = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
  assert.equal(Buffer.from(digest ?? []).toString('hex'), expected);
  await t.close();
});

test('a synchronous handler may send more than a window, since nobody could grant meanwhile', async () => {
  const t = await testModule(echo);
  const stream = t.open('flood');
  stream.end();
  const sent = await stream.collect();
  assert.equal(sent.length, 2000);
  assert.equal(sent[300]?.[0], 300 & 255);
  await t.close();
});

test('a synchronous handler that would block the test is an error that says what to do', async () => {
  const t = await testModule(echo, { onService: () => utf8('value') });
  const stream = t.open('asks');
  stream.end();
  const { code, message } = await stream.outcome;
  assert.equal(code, 'handlerFailed');
  assert.match(message, /`file` of the module/);
  await assert.rejects(t.close(), /`file` of the module/);
});

test('input beyond the window of a handler that has not started is an error, not a hang', async () => {
  const t = await testModule(echo);
  const stream = t.open('digest');
  await stream.send(new Uint8Array(262_144));
  await assert.rejects(stream.send(new Uint8Array(1)), /receiveWindow/);
  const wide = await testModule(echo, { receiveWindow: 1 << 20 });
  const large = wide.open('digest');
  for (let i = 0; i < 4; i++) await large.send(new Uint8Array(262_144));
  large.end();
  assert.equal((await large.collect()).length, 1);
  await wide.close();
  await t.close();
});

test('services are answered by the test', async () => {
  const t = await testModule(echo, { onService: ({ body }) => merge([body, utf8('!')]) });
  const stream = t.open('asks-async');
  assert.deepEqual(await stream.collect(), [utf8('key!')]);
  assert.deepEqual(await t.session.request('any', utf8('body')), utf8('body'));
  await t.close();
});

test('a handler’s error has its code, its message and its details', async () => {
  const t = await testModule(echo);
  const outcome = await t.open('fails').outcome;
  assert.deepEqual(outcome, { code: 'unavailable', message: 'later', details: utf8('why') });
  assert.equal((await t.open('nowhere').outcome).code, 'methodNotFound');
  await t.close();
});

test('credit is counted: a handler sends no more than the test grants', async () => {
  const t = await testModule(echo);
  const stream = t.open('echo', { initialCredit: 1, autoCredit: false });
  for (let i = 0; i < 5; i++) await stream.send(new Uint8Array(100));
  await t.settled();
  assert.equal(stream.frames, 1);
  stream.grant(100);
  await t.settled();
  assert.equal(stream.frames, 2, 'the first frame took the balance below 0; 100 more give room for one');
  stream.grant(1000);
  stream.end();
  assert.equal((await stream.collect()).length, 5);
  await t.close();
});

for (const wireChunks of [1, [3, 1, 7], { seed: 42 }]) {
  test(`the wire may be cut anywhere: ${JSON.stringify(wireChunks)}`, async () => {
    const t = await testModule(echo, { wireChunks });
    const stream = t.open('echo');
    for (let i = 0; i < 10; i++) await stream.send(new Uint8Array(i));
    stream.end();
    assert.deepEqual(
      (await stream.collect()).map(({ length }) => length),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    await t.close();
  });
}

for (const options of [{ streamsPerWorker: 2 }, { workers: 2, file: FILE }]) {
  test(`timers that the test mocks don’t stop the kit: ${Object.keys(options).join(', ')}`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
    await using kit = await testModule(blocking, options);
    const streams = [kit.open('lines'), kit.open('lines')];
    for (const stream of streams) await stream.send(utf8('hello'));
    for (const stream of streams) {
      stream.end();
      assert.deepEqual(await stream.collect(), [utf8('hello')]);
    }
  });
}

test('a module that can’t be run is refused with the reason', async () => {
  const nameless = { version: '1.0.0' } as unknown as typeof echo;
  await assert.rejects(testModule(nameless), /no name/);
  await assert.rejects(testModule(echo, { file: '/nowhere/module.js' }), /does not exist/);
});

test('frames written by hand reach main’s own checks', async () => {
  const t = await testModule(echo);
  const id = 'ab'.repeat(16) as StreamId;
  const stream = new RawSession(t.session).adoptStream(id);
  new RawSession(t.session).sendRaw(encodeOpenFrame(id, { method: 'echo' }));
  new RawSession(t.session).sendRaw(new FrameEncoder(id).close());
  new RawSession(t.session).sendRaw(new FrameEncoder(id).close());
  await assert.rejects(stream.closed, { code: 'protocolViolation' });
  await t.close();
});

test('on threads of their own synchronous handlers block, are cancelled and asked as in production', async () => {
  const t = await testModule(blocking, { file: FILE, workers: 2, onService: ({ body }) => body });
  const stream = t.open('lines');
  const values = stream[Symbol.asyncIterator]();
  for (let i = 0; i < 3; i++) {
    await stream.send(new Uint8Array([i]));
    assert.deepEqual(
      (await values.next()).value,
      new Uint8Array([i]),
      'it answers before the input has ended',
    );
  }
  const asks = t.open('asks');
  await asks.send(utf8('question'));
  asks.end();
  assert.deepEqual(await asks.collect(), [utf8('question')]);
  stream.cancel('enough');
  assert.equal((await stream.outcome).code, 'cancelled');
  await stream.assertOneTerminal();
  await t.close();
});
