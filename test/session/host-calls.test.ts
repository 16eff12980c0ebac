import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession, ModuleError, type ServiceHandler } from '../../src/host/index.ts';
import {
  decodeHandleRequest,
  decodeIpcError,
  decodeKvChange,
  decodeServiceResponse,
  decodeShutdown,
} from '../../src/wire/payload-decode.ts';
import {
  encodeHandleResponse,
  encodeHealthReport,
  encodeServiceRequest,
} from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { FakeModule } from './fake-module.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('answers find their request, in any order', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const first = session.request('upper', bytes(1), { caller: 'me', metadata: [['k', 'v']] });
  const second = session.request('lower', bytes(2));
  const requests = [await module.next(), await module.next()];
  const handle = decodeHandleRequest(requests[0]?.payload ?? EMPTY_PAYLOAD);
  assert.equal(requests[0]?.type, 'handle');
  assert.equal(handle.context.method, 'upper');
  assert.equal(handle.context.caller, 'me');
  assert.deepEqual(handle.context.metadata, [['k', 'v']]);
  assert.deepEqual(handle.body, bytes(1));
  module.fail(requests[1]?.requestId ?? '', {
    code: 'methodNotFound',
    message: 'no lower',
    details: bytes(3),
  });
  module.answer(requests[0]?.requestId ?? '', encodeHandleResponse({ body: bytes(11) }));
  await assert.rejects(second, (error) => {
    assert.ok(error instanceof ModuleError);
    assert.deepEqual([error.code, error.message, error.details], ['methodNotFound', 'no lower', bytes(3)]);
    return true;
  });
  assert.deepEqual(await first, bytes(11));
  assert.deepEqual(session.violations, []);
});

test('an abort ends the waiting, and the answer that still comes is no violation', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const controller = new AbortController();
  const call = session.request('m', EMPTY_PAYLOAD, { signal: controller.signal });
  const { requestId } = await module.next();
  controller.abort(new Error('never mind'));
  await assert.rejects(call, { code: 'cancelled', message: 'never mind' });
  module.answer(requestId, encodeHandleResponse({ body: EMPTY_PAYLOAD }));
  assert.deepEqual(session.violations, []);
  await assert.rejects(session.request('m', EMPTY_PAYLOAD, { signal: AbortSignal.abort() }), {
    code: 'cancelled',
  });
  assert.deepEqual(await module.rest(), []);
});

test('health, key-value changes and shutdown go out as the schema says', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const health = session.health();
  session.notifyKv({ key: 'k', operation: 'set', value: bytes(1), version: 2 ** 40 });
  session.notifyKv({ key: 'k', operation: 'delete' });
  const shutdown = session.shutdown({ drainMs: 250 });
  const asked = await module.next();
  assert.deepEqual([asked.type, asked.payload.length], ['health', 0]);
  const change = await module.next();
  assert.equal(change.type, 'kvChangeNotification');
  assert.deepEqual(decodeKvChange(change.payload), {
    key: 'k',
    operation: 'set',
    value: bytes(1),
    version: 1_099_511_627_776n,
  });
  assert.equal(decodeKvChange((await module.next()).payload).operation, 'delete');
  const last = await module.next();
  assert.equal(last.type, 'shutdown');
  assert.equal(decodeShutdown(last.payload).drainMs, 250);
  const report = {
    status: 'draining' as const,
    openStreams: 1,
    queuedOpens: 2,
    workers: 3,
    busyWorkers: 1,
    uptimeMs: 5,
    framesIn: 6,
    framesOut: 7,
    bytesIn: 8,
    bytesOut: 9,
    rssBytes: 10,
  };
  module.answer(asked.requestId, encodeHealthReport(report));
  module.answer(last.requestId, EMPTY_PAYLOAD);
  assert.deepEqual(await health, report);
  await shutdown;
  assert.deepEqual(session.violations, []);
});

async function askService(onService?: ServiceHandler): Promise<{ type: string; payload: Uint8Array }> {
  const module = new FakeModule();
  const session = new HostSession(module.transport, onService === undefined ? {} : { onService });
  const request = { service: 'kv', method: 'get', body: bytes(1), context: { tenant: 't' } };
  module.send(encodeEnvelope('serviceRequest', 's7', encodeServiceRequest(request)));
  const answer = await module.next();
  assert.equal(answer.requestId, 's7');
  assert.deepEqual(session.violations, []);
  return answer;
}

test('a service request is answered by the host', async () => {
  const { type, payload } = await askService(({ service, method, body, context }) => {
    assert.deepEqual([service, method, body, context.tenant], ['kv', 'get', bytes(1), 't']);
    return bytes(2);
  });
  assert.equal(type, 'serviceResponse');
  assert.deepEqual(decodeServiceResponse(payload).body, bytes(2));
});

test('a service that fails, or that nobody offers, is answered with an error', async () => {
  const cases: [ServiceHandler | undefined, string, RegExp][] = [
    [() => Promise.reject(new ModuleError('unavailable', 'not now')), 'unavailable', /^not now$/],
    [
      () => {
        throw new Error('oops');
      },
      'internal',
      /^oops$/,
    ],
    [undefined, 'unimplemented', /no services/],
  ];
  for (const [handler, code, message] of cases) {
    const answer = await askService(handler);
    assert.equal(answer.type, 'error');
    const error = decodeIpcError(answer.payload);
    assert.equal(error.code, code);
    assert.match(error.message, message);
  }
});

test('when the module dies, everything that is pending fails with how it died', async () => {
  const module = new FakeModule();
  const errors: string[] = [];
  const session = new HostSession(module.transport, {
    onProtocolError: ({ message }) => errors.push(message),
  });
  const stream = session.openStream('m');
  const read = stream.next();
  await stream.send(new Uint8Array(300_000));
  const pending = [
    session.request('m', EMPTY_PAYLOAD),
    session.health(),
    read,
    stream.closed,
    stream.send(bytes(1)),
  ];
  module.fail('', { code: 'protocolViolation', message: 'message over the limit' });
  assert.deepEqual(errors, ['message over the limit']);
  assert.equal(session.connectionError?.code, 'protocolViolation');
  module.end({ message: 'The module exited with code 76.', clean: false });
  for (const promise of pending) {
    await assert.rejects(promise, {
      code: 'unavailable',
      message: /code 76[^]*over the limit/,
    });
  }
  await assert.rejects(session.health(), { code: 'unavailable' });
  await assert.rejects(session.openStream('m').closed, { code: 'unavailable' });
  session.notifyKv({ key: 'k', operation: 'delete' });
  assert.deepEqual(session.violations, []);
});

test('the statistics count messages and bytes, each way', async () => {
  const module = new FakeModule();
  const seen = { in: 0, out: 0 };
  const session = new HostSession(module.transport, {
    onWire: (direction, message) => (seen[direction] += message.length),
  });
  const stream = session.openStream('m');
  await stream.send(bytes(1, 2, 3));
  module.data(stream.id, bytes(1));
  module.close(stream.id);
  await module.rest();
  const { framesIn, framesOut, bytesIn, bytesOut } = session.stats;
  assert.deepEqual([framesIn, framesOut], [2, 2]);
  // 128 bytes of header and a padded payload; a close has the header alone.
  assert.deepEqual([bytesIn, bytesOut], [136 + 128, seen.out]);
  assert.equal(seen.in, bytesIn);
});
