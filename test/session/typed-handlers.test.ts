import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import {
  bytes,
  defineMethod,
  defineModule,
  defineRequest,
  json,
  many,
  ndjson,
  one,
  text,
  withServices,
} from '../../src/index.ts';
import { withMethods, type OnService } from '../../src/host/index.ts';
import type { ModedHandler } from '../../src/module.ts';
import { runHandler } from '../../src/worker/jobs/run-handler.ts';
import { testStream } from '../unit/handle/fake-stream-io.ts';
import { mockStream, testModule } from '../../src/testing/index.ts';

const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);
const Sum = z.object({ left: z.number(), right: z.number() });

async function run(handler: ModedHandler, ...input: string[]): Promise<string> {
  const mock = mockStream({ input: input.map(utf8) });
  const { code, message } = await mock.run(handler);
  return code === 'close' ? Buffer.concat(mock.sent).toString() : `${code}: ${message}`;
}

const add = defineMethod({ input: one(json(Sum)), output: one(json(z.number().max(100))) });
const ADDERS = {
  'a function': add.handler(({ left, right }) => left + right),
  'an async function': add.handler(async ({ left, right }) => left + right),
};

for (const [kind, handler] of Object.entries(ADDERS)) {
  test(`${kind} gets the only value and returns the only result`, async () => {
    assert.equal(handler.mode, kind === 'a function' ? 'sync' : 'async');
    assert.equal(await run(handler, '{"left":1,"right":2}'), '3');
    assert.match(await run(handler, '{"left":1}'), /^invalidArgument: the input at right/);
    assert.match(await run(handler), /^invalidArgument: the input has no value/);
    assert.match(
      await run(handler, '{"left":1,"right":2}', '{"left":1,"right":2}'),
      /^invalidArgument: the input has more than one value/,
    );
    assert.match(await run(handler, '{"left":99,"right":2}'), /^handlerFailed: the result/);
  });
}

test('a synchronous handler with one value each way costs no turn of the event loop', () => {
  const { io, stream } = testStream();
  stream.deliver(utf8('{"left":1,"right":2}'));
  stream.deliverEnd();
  assert.equal(runHandler(ADDERS['a function'].handler, stream), undefined);
  assert.deepEqual(io.sent, [utf8('3')]);
});

test('a returned array is one value where the shape says one, and many where it says many', async () => {
  const list = defineMethod({ output: one(json<number[]>()) });
  assert.equal(await run(list.handler(() => [1, 2])), '[1,2]');
  const items = defineMethod({ output: many(ndjson<number>()) });
  assert.equal(await run(items.handler(() => [1, 2])), '1\n2\n');
  assert.equal(await run(items.handler(async () => [1, 2])), '1\n2\n');
});

test('one value of bytes or text is all pieces together, also none, and may be larger than a frame', async () => {
  const lengths = defineMethod({ input: one(text()), output: one(json<number>()) });
  const handler = lengths.handler((whole) => whole.length);
  assert.equal(await run(handler, 'gr', 'üße'), '5');
  assert.equal(await run(handler), '0');
  const double = defineMethod({ input: one(bytes()), output: one(bytes()) });
  for (const twice of [
    double.handler((whole) => Buffer.concat([whole, whole])),
    double.handler(async (whole) => Buffer.concat([whole, whole])),
  ]) {
    const mock = mockStream({ input: [Buffer.alloc(1 << 20, 1), Buffer.alloc(5, 1)] });
    assert.equal((await mock.run(twice)).code, 'close');
    assert.deepEqual(
      mock.sent.map(({ length }) => length),
      [1 << 20, 1 << 20, 10],
    );
  }
});

test('a generator with one input yields many values, of a union without as const', async () => {
  type Event = { kind: 'start'; of: number } | { kind: 'end' };
  const count = defineMethod({ input: one(json<{ to: number }>()), output: many(ndjson<Event>()) });
  const handlers = [
    count.handler(function* ({ to }) {
      yield { kind: 'start', of: to };
      yield { kind: 'end' };
    }),
    count.handler(async function* ({ to }) {
      yield { kind: 'start', of: to };
      yield { kind: 'end' };
    }),
  ];
  for (const handler of handlers)
    assert.equal(await run(handler, '{"to":3}'), '{"kind":"start","of":3}\n{"kind":"end"}\n');
});

test('a result that is no value of the codec is the handler’s mistake', async () => {
  const shape = defineMethod({ output: one(json<unknown>()) });
  assert.match(await run(shape.handler(() => undefined)), /^handlerFailed: JSON has no form for undefined/);
  assert.match(
    await run(shape.handler(() => 'x'.repeat(1 << 20))),
    /^handlerFailed: the result: it has \d+ bytes as json, .*ndjson\(\)/,
  );
  const list = defineMethod({ output: many(bytes()) });
  assert.match(
    await run(list.handler(() => new Uint8Array(2) as unknown as Uint8Array[])),
    /^handlerFailed: .*returned bytes/,
  );
});

test('the whole input can be read at once, as a list, bytes, text or JSON', async () => {
  const seen: unknown[] = [];
  for (const read of ['collect', 'bytes', 'text', 'json'] as const) {
    const mock = mockStream({ input: [utf8('[1,'), utf8('2]')] });
    await mock.run(async (stream) => void seen.push(await stream[read]()));
  }
  assert.deepEqual(seen, [[utf8('[1,'), utf8('2]')], utf8('[1,2]'), '[1,2]', [1, 2]]);
  for (const [read, input] of [
    ['text', Uint8Array.of(0xff)],
    ['json', utf8('[1,')],
  ] as const) {
    const outcome = await mockStream({ input: [input] }).run(async (stream) => void (await stream[read]()));
    assert.equal(outcome.code, 'invalidArgument', read);
  }
});

test('requests have a table of typed handlers, and a method that is not in it is not found', async () => {
  const half = defineRequest({ input: json(z.number()), output: json<number>() });
  const t = await testModule(
    defineModule({
      name: 'm',
      version: '1.0.0',
      onHandle: {
        half: half.handler((number) => number / 2),
        later: half.handler(async (number, request) => number / request.context.method.length),
        raw: ({ body }) => body,
      },
    }),
  );
  const ask = async (method: string, body: string): Promise<string> =>
    Buffer.from(await t.session.request(method, utf8(body))).toString();
  assert.equal(await ask('half', '5'), '2.5');
  assert.equal(await ask('later', '10'), '2');
  assert.equal(await ask('raw', 'as it is'), 'as it is');
  await assert.rejects(ask('half', '"5"'), { code: 'invalidArgument', message: /^the input: / });
  await assert.rejects(ask('half', 'five'), { code: 'invalidArgument', message: /not JSON/ });
  await assert.rejects(ask('toString', ''), {
    code: 'methodNotFound',
    message: /m has no unary method 'toString'/,
  });
  await t.close();
});

test('a host’s services are typed on both sides, also for a synchronous handler', async () => {
  const services = { tax: { of: defineRequest({ input: json(z.number()), output: json<number>() }) } };
  const price = defineMethod({ input: one(json<number>()), output: one(json<number>()) });
  const handlers = [
    price.handler(async (net, stream) => net + (await withServices(stream, services).tax.of(net))),
    price.handler((net, stream) => net + withServices(stream, services).tax.of.sync(net)),
  ];
  const onService: OnService = {
    tax: { of: services.tax.of.handler((net, call) => net / call.service.length) },
  };
  for (const handler of handlers) {
    const mock = mockStream({ input: [utf8('6')], onService });
    assert.equal((await mock.run(handler)).code, 'close');
    assert.deepEqual(mock.sent, [utf8('8')]);
  }
  const t = await testModule(
    defineModule({ name: 'm', version: '1.0.0', onServerStream: { price: handlers[0] ?? (() => {}) } }),
    { onService },
  );
  const client = withMethods(t, { price });
  assert.equal(await client.price(6), 8);
  await assert.rejects(client.price('6' as unknown as number), {
    code: 'invalidArgument',
    message: /the input/,
  });
  await t.close();
});

test('a service that the host’s table does not have is not found', async () => {
  const onService = { tax: { of: () => utf8('1') } };
  for (const [service, method] of [
    ['tax', 'toString'],
    ['constructor', 'of'],
  ] as const) {
    const mock = mockStream({ input: [], onService });
    const outcome = await mock.run(async (stream) => {
      await stream.services.request(service, method, utf8(''));
    });
    assert.equal(outcome.code, 'methodNotFound');
  }
});
