import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleError } from '../../../src/errors.ts';
import { merge, mockStream, rechunk } from '../../../src/testing/index.ts';

const chunks = (...numbers: number[]): Uint8Array[] => numbers.map((number) => new Uint8Array([number]));

test('a synchronous handler reads the input given, and what it yields is what it sent', async () => {
  const mock = mockStream({ input: chunks(1, 2, 3), method: 'sum', metadata: { unit: 'mm' } });
  const outcome = await mock.run(function* (stream) {
    let sum = 0;
    for (const [number = 0] of stream) sum += number;
    assert.equal(stream.context.method, 'sum');
    assert.deepEqual(stream.context.metadata, [['unit', 'mm']]);
    yield new Uint8Array([sum]);
  });
  assert.equal(outcome.code, 'close');
  assert.deepEqual(mock.sent, chunks(6));
});

test('a synchronous read beyond the input is an error that says so', async () => {
  const mock = mockStream();
  mock.push(new Uint8Array([1]));
  const { code, message } = await mock.run(function* (stream) {
    for (const chunk of stream) yield chunk;
  });
  assert.equal(code, 'handlerFailed');
  assert.match(message, /would block for input/);
  assert.equal(mock.sent.length, 1);
});

test('a synchronous send beyond the credit is an error that says so', async () => {
  const mock = mockStream({ input: [], credit: 65 });
  const { message } = await mock.run((stream) => {
    for (let i = 0; i < 3; i++) stream.sendSync(new Uint8Array(10));
  });
  assert.match(message, /would block for credit/);
  assert.equal(mock.sent.length, 2, '64 bytes are the least that a frame costs');
});

test('an asynchronous handler is fed, granted and cancelled while it runs', async () => {
  const mock = mockStream({ credit: 1 });
  const running = mock.run(async function* (stream) {
    for await (const chunk of stream) yield chunk;
  });
  mock.push(new Uint8Array([1]));
  mock.push(new Uint8Array([2]));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(mock.sent, chunks(1));
  mock.grant(64);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(mock.sent, chunks(1, 2));
  mock.cancel('enough');
  assert.deepEqual(await running, { code: 'cancelled', message: 'enough', details: new Uint8Array(0) });
});

test('a synchronous handler is cancelled from where it sends, and its finally runs', async () => {
  let cleaned = false;
  const mock = mockStream({
    input: [],
    onSend: ([number], stream) => {
      if (number === 2) stream.cancel('two are enough');
    },
  });
  const outcome = await mock.run(function* () {
    try {
      for (let i = 0; ; i++) yield new Uint8Array([i]);
    } finally {
      cleaned = true;
    }
  });
  assert.equal(outcome.code, 'cancelled');
  assert.deepEqual(mock.sent, chunks(0, 1, 2));
  assert.ok(cleaned);
});

test('a deadline that passes wins over what the handler makes of it', async () => {
  const mock = mockStream({ input: [], deadline: 1_700_000_000_000 });
  const outcome = await mock.run(async (stream) => {
    assert.equal(stream.deadline?.getTime(), 1_700_000_000_000);
    mock.expire();
    assert.ok(stream.cancelled);
    throw new Error('never mind');
  });
  assert.equal(outcome.code, 'deadlineExceeded');
});

test('services, logs and failures are those of a module', async () => {
  const mock = mockStream({
    input: [],
    onService: ({ service, body }) => {
      if (service !== 'twice') throw new ModuleError('unavailable', 'gone');
      return merge([body, body]);
    },
  });
  const outcome = await mock.run({
    mode: 'sync',
    handler: (stream) => {
      stream.log.warn('asking', { what: 'twice' });
      stream.sendSync(stream.services.requestSync('twice', 'twice', new Uint8Array([7])));
      stream.services.requestSync('other', 'other', new Uint8Array(0));
    },
  });
  assert.deepEqual(mock.sent, [new Uint8Array([7, 7])]);
  assert.deepEqual(mock.logs, [{ level: 'warn', message: 'asking', fields: { what: 'twice' } }]);
  assert.deepEqual([outcome.code, outcome.message], ['unavailable', 'gone']);
});

test('the same bytes come in other chunks: by size, by a list of sizes, by a seed', () => {
  const whole = Uint8Array.from({ length: 20 }, (_, i) => i);
  const lengths = (parts: Uint8Array[]): number[] => parts.map(({ length }) => length);
  assert.deepEqual(lengths(rechunk(whole, 8)), [8, 8, 4]);
  assert.deepEqual(lengths(rechunk([whole.subarray(0, 3), whole.subarray(3)], [1, 9])), [1, 9, 1, 9]);
  const random = rechunk(whole, { seed: 7, max: 4 });
  assert.deepEqual(random, rechunk(whole, { seed: 7, max: 4 }));
  assert.ok(lengths(random).every((length) => length >= 1 && length <= 4));
  for (const parts of [rechunk(whole, 1), rechunk(whole, [3, 2]), random])
    assert.deepEqual(merge(parts), whole);
  assert.throws(() => rechunk(whole, 0), RangeError);
  assert.throws(() => rechunk(whole, []), RangeError);
  assert.deepEqual(rechunk(new Uint8Array(0), 1), []);
});
