import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession, ModuleError, type ServiceHandler } from '../../src/host/index.ts';
import { decodeIpcError, decodeServiceResponse } from '../../src/wire/payload-decode.ts';
import { encodeServiceRequest } from '../../src/wire/payload-encode.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { FakeModule } from './fake-module.ts';

const OVER_A_MESSAGE = new Uint8Array(17 << 20);
const long = 'x'.repeat(17 << 20);

const ask = (id: string, body = new Uint8Array(0)): Uint8Array =>
  encodeEnvelope('serviceRequest', id, encodeServiceRequest({ service: 's', method: 'm', body }));

test('what no message can hold is refused here, and nothing of it is sent', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const refusal = { code: 'invalidArgument', message: /\b178\d{5}\b/ };
  await assert.rejects(session.request('m', OVER_A_MESSAGE), refusal);
  await assert.rejects(session.request('m', new Uint8Array(0), { metadata: { k: long } }), refusal);
  await assert.rejects(session.initialize({ config: OVER_A_MESSAGE }), refusal);
  assert.throws(() => session.notifyKv({ key: 'k', operation: 'set', value: OVER_A_MESSAGE }), refusal);
  assert.throws(() => session.notifyKv({ key: long, operation: 'set' }), refusal);
  await assert.rejects(session.openStream('m', { metadata: { k: long } }).closed, refusal);
  assert.deepEqual(await module.rest(), []);
  const stream = session.openStream('m');
  await module.nextFrame('open');
  stream.cancel(long);
  assert.equal((await module.nextFrame('cancel')).reason.length, 4_096);
});

test('whatever a service gives or throws, its handler is told and the host lives', async () => {
  const throwing = (thrown: unknown) => (): never => {
    throw thrown as Error;
  };
  const unreadable = {
    get name(): string {
      throw new Error('no');
    },
  };
  const cases: [ServiceHandler, string, RegExp][] = [
    [() => OVER_A_MESSAGE, 'resourceExhausted', /17825792/],
    [() => 'text' as never, 'internal', /is a string, and no bytes/],
    [() => undefined as never, 'internal', /is undefined, and no bytes/],
    [throwing(Object.create(null)), 'internal', /can’t be read/],
    [throwing({ name: 'ModuleError', code: 'unavailable', message: 5 }), 'unavailable', /^5$/],
    [throwing(unreadable), 'internal', /can’t be read/],
    [throwing(new Error(long)), 'internal', /^x{4096}$/],
    [throwing(new ModuleError('aborted' as never, 'own code')), 'internal', /own code/],
    [
      throwing(new ModuleError('unavailable', 'later', { details: OVER_A_MESSAGE })),
      'unavailable',
      /^later$/,
    ],
  ];
  for (const [onService, code, text] of cases) {
    const module = new FakeModule();
    new HostSession(module.transport, { onService });
    module.send(ask('s1'));
    const answer = await module.next();
    assert.equal(answer.type, 'error');
    const error = decodeIpcError(answer.payload);
    assert.equal(error.code, code);
    assert.match(error.message, text);
  }
});

test('2,048 services run at once, 128 more each turn; 8,192 wait, and the rest is refused', async () => {
  const module = new FakeModule();
  const running: ((body: Uint8Array) => void)[] = [];
  const onService = (): Promise<Uint8Array> => new Promise((resolve) => void running.push(resolve));
  const session = new HostSession(module.transport, { onService });
  for (let i = 0; i < 2_048; i++) module.send(ask(`s${i}`));
  assert.equal(running.length, 128);
  while (running.length < 2_048) await module.rest();
  for (let i = 0; i < 8_192 + 1; i++) module.send(ask(`t${i}`));
  const refused = await module.next();
  assert.deepEqual([refused.type, refused.requestId], ['error', 't8192']);
  assert.equal(decodeIpcError(refused.payload).code, 'resourceExhausted');
  assert.equal(running.length, 2_048);
  running[7]?.(Uint8Array.of(9));
  const answer = await module.next();
  assert.equal(answer.requestId, 's7');
  assert.deepEqual(decodeServiceResponse(answer.payload).body, Uint8Array.of(9));
  await module.rest();
  assert.equal(running.length, 2_049, 'the next one has begun');
  assert.deepEqual(session.violations, []);
});

test('a module that asks on and reads no answer loses the connection; one that reads again goes on', async () => {
  for (const reads of [true, false]) {
    const module = new FakeModule();
    let calls = 0;
    const session = new HostSession(module.transport, {
      onService: () => {
        calls += 1;
        return new Uint8Array(1);
      },
    });
    module.clogged = true;
    module.send(ask('first'));
    await module.next();
    assert.equal(calls, 1);
    for (let i = 0; i < 8_192; i++) module.send(ask(`s${i}`));
    assert.equal(calls, 1, 'no answer is made that would have to be kept');
    if (reads) {
      module.drain();
      for (let i = 0; i < 8_192; i++) await module.next();
      assert.deepEqual([calls, session.violations], [8_193, []]);
    } else {
      module.send(ask('one too many'));
      assert.deepEqual(
        session.violations.map(({ kind }) => kind),
        ['serviceFlood'],
      );
      assert.equal(module.closed, true);
      await assert.rejects(session.health(), { code: 'protocolViolation' });
    }
  }
});

test('64 MiB of service requests wait at most', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport, { onService: () => new Promise(() => {}) });
  for (let i = 0; i < 128; i++) module.send(ask(`running ${i}`));
  for (let i = 0; i < 7; i++) module.send(ask(`waiting ${i}`, new Uint8Array(10 << 20)));
  assert.equal((await module.next()).requestId, 'waiting 6');
  assert.deepEqual(session.violations, []);
});

test('of what a module says in a violation a kilobyte is kept, and of its last word four', () => {
  const module = new FakeModule();
  const errors: ModuleError[] = [];
  const session = new HostSession(module.transport, { onProtocolError: (error) => errors.push(error) });
  module.fail('nobody', { code: 'internal', message: 'e'.repeat(15 << 20) });
  module.fail('', { code: 'protocolViolation', message: 'e'.repeat(15 << 20) });
  module.fail('', { code: 'protocolViolation', message: 'again' });
  const [first, second] = session.violations;
  assert.ok((first?.message.length ?? Infinity) < 1_100);
  assert.match(second?.message ?? '', /second error/);
  assert.equal(session.connectionError?.message.length, 4_096);
  assert.equal(errors.length, 1);
});
