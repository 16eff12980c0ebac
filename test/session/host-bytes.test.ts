import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession } from '../../src/host/host-session.ts';
import { mockStream } from '../../src/testing/index.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import {
  decodeHandleRequest,
  decodeInitialize,
  decodeIpcError,
  decodeKvChange,
  decodeServiceResponse,
} from '../../src/wire/payload-decode.ts';
import { encodeServiceRequest } from '../../src/wire/payload-encode.ts';
import { OTHER_BYTES } from '../support/other-bytes.ts';
import { FakeModule } from './fake-module.ts';

const EXPECTED = Uint8Array.of(1, 2, 3);

for (const [what, make] of Object.entries(OTHER_BYTES)) {
  test(`${what} is taken as its bytes wherever a host gives some`, async () => {
    const module = new FakeModule();
    const given = (): Uint8Array => make([1, 2, 3]) as Uint8Array;
    const session = new HostSession(module.transport, { onService: given });
    const stream = session.openStream('m');
    await stream.send(given());
    assert.equal(stream.trySend(given()), true);
    await module.nextFrame('open');
    assert.deepEqual((await module.nextFrame('data')).data, EXPECTED);
    assert.deepEqual((await module.nextFrame('data')).data, EXPECTED);
    session.request('m', given()).catch(() => {});
    assert.deepEqual(decodeHandleRequest((await module.next()).payload).body, EXPECTED);
    session.notifyKv({ key: 'k', operation: 'set', value: given() });
    assert.deepEqual(decodeKvChange((await module.next()).payload).value, EXPECTED);
    session.initialize({ config: given() }).catch(() => {});
    assert.deepEqual(decodeInitialize((await module.next()).payload).config, EXPECTED);
    module.send(encodeEnvelope('serviceRequest', 's', encodeServiceRequest({ service: 'a', method: 'b' })));
    assert.deepEqual(decodeServiceResponse((await module.next()).payload).body, EXPECTED);
    const mock = mockStream({ input: [given()] });
    await mock.run(function* (stream) {
      yield* stream;
    });
    assert.deepEqual(mock.sent, [EXPECTED]);
  });
}

test('what is no bytes is refused where a host gives it, and the error says what to do', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport, { onService: () => 'text' as unknown as Uint8Array });
  const stream = session.openStream('m');
  const text = 'text' as unknown as Uint8Array;
  const refusal = { code: 'invalidArgument', message: /bytes.*not a string; encode it/ };
  await assert.rejects(stream.send(text), refusal);
  assert.throws(() => stream.trySend(text), refusal);
  await assert.rejects(session.request('m', text), refusal);
  await assert.rejects(session.initialize({ config: text }), refusal);
  assert.throws(() => session.notifyKv({ key: 'k', operation: 'set', value: text }), refusal);
  const detached = new ArrayBuffer(4);
  structuredClone(detached, { transfer: [detached] });
  await assert.rejects(session.request('m', detached as unknown as Uint8Array), {
    code: 'invalidArgument',
    message: /transferred/,
  });
  assert.deepEqual(await module.rest(), ['open']);
  module.send(encodeEnvelope('serviceRequest', 's', encodeServiceRequest({ service: 'a', method: 'b' })));
  let answer = await module.next();
  while (answer.requestId !== 's') answer = await module.next();
  const { code, message } = decodeIpcError(answer.payload);
  assert.equal(code, 'internal');
  assert.match(message, /a\.b is a string, and no bytes/);
});
