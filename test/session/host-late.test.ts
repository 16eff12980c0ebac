import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession, ModuleError } from '../../src/host/index.ts';
import { LiveStream } from '../../src/host/streams/host-stream.ts';
import { LateLink } from '../../src/host/streams/late-link.ts';
import { INITIAL_CREDIT } from '../../src/wire/flow-limits.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { FakeModule } from './fake-module.ts';

const ID = '000000000000000a000000000000000b' as StreamId;
const WINDOWS = {
  send: INITIAL_CREDIT,
  maxSendBalance: INITIAL_CREDIT,
  receive: INITIAL_CREDIT,
  autoCredit: true,
};

function waitingStream(): { stream: LiveStream; link: LateLink } {
  const link = new LateLink();
  return { link, stream: new LiveStream(link, ID, WINDOWS, true, undefined) };
}

test('what a stream is told before it has a session goes out behind its Open, in order', async () => {
  const { stream, link } = waitingStream();
  assert.equal(stream.trySend(Uint8Array.of(0)), false);
  const sends = [stream.send(Uint8Array.of(1)), stream.send(Uint8Array.of(2))];
  stream.grant(7);
  stream.end();
  const module = new FakeModule();
  new HostSession(module.transport).placeStream(stream, link, { method: 'echo' }, 99);
  assert.equal((await module.nextFrame('open')).initialCredit, 99);
  assert.equal((await module.nextFrame('credit')).bytes, 7);
  assert.deepEqual((await module.nextFrame('data')).data, Uint8Array.of(1));
  assert.deepEqual((await module.nextFrame('data')).data, Uint8Array.of(2));
  await module.nextFrame('close');
  await Promise.all(sends);
  module.close(ID);
  await stream.closed;
});

test('a stream that was ended at once sends its Close behind its Open', async () => {
  const { stream, link } = waitingStream();
  stream.end();
  const module = new FakeModule();
  new HostSession(module.transport).placeStream(stream, link, { method: 'echo' });
  await module.nextFrame('open');
  await module.nextFrame('close');
  assert.deepEqual(await module.rest(), []);
});

test('a stream that is placed uses all of the larger window that the session knows of', async () => {
  const { stream, link } = waitingStream();
  const module = new FakeModule();
  const firstWindow = INITIAL_CREDIT + 1_048_576;
  new HostSession(module.transport, { firstWindow }).placeStream(stream, link, { method: 'echo' });
  assert.equal(stream.trySend(new Uint8Array(INITIAL_CREDIT)), true);
  assert.equal(stream.trySend(new Uint8Array(1_048_576)), true);
  assert.equal(stream.trySend(new Uint8Array(1)), false);
  await module.nextFrame('open');
});

test('a stream placed on a session that is over fails with the reason of its end', async () => {
  const { stream, link } = waitingStream();
  const sending = stream.send(Uint8Array.of(1));
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  module.end({ message: 'gone', clean: false });
  session.placeStream(stream, link, { method: 'echo' });
  await assert.rejects(sending, ModuleError);
  await assert.rejects(stream.closed, { code: 'unavailable', message: 'gone' });
});
