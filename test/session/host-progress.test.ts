import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession, type StreamId } from '../../src/host/index.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { decodeInitialize } from '../../src/wire/payload-decode.ts';
import { encodeInitialized } from '../../src/wire/payload-encode.ts';
import { FakeModule } from './fake-module.ts';

const ID = '000000000000000a000000000000000b' as StreamId;
const frame = new FrameEncoder(ID);

function progress(text: string): Uint8Array {
  return frame.progress(Buffer.from(text));
}

/** A stream whose progress is kept as text. */
function watched(session: HostSession): { seen: string[]; closed: Promise<void> } {
  const seen: string[] = [];
  const onProgress = (value: Uint8Array): void => void seen.push(Buffer.from(value).toString());
  const { closed } = session.openStream('simulate', { id: ID, onProgress });
  return { seen, closed };
}

test('a stream with onProgress asks for it once, ahead of its Open, and gets each value until its end', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const { seen, closed } = watched(session);
  const asked = await module.next();
  assert.equal(asked.type, 'initialize');
  assert.deepEqual(decodeInitialize(asked.payload).accepts, ['progress']);
  await module.nextFrame('open');
  module.answer(asked.requestId, encodeInitialized({ initialCredit: 262_144 }));
  module.send(progress('{"done":1}'), frame.data(Uint8Array.of(1)), progress('{"done":2}'));
  module.close(ID);
  await closed;
  assert.deepEqual(seen, ['{"done":1}', '{"done":2}']);
  session.openStream('other', { onProgress: () => {} });
  await module.nextFrame('open');
  assert.deepEqual([session.violations, await module.rest()], [[], []]);
});

test('an initialize says progress unless it is told otherwise, and a stream without onProgress asks for nothing', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  session.openStream('echo', { id: ID });
  await module.nextFrame('open');
  void session.initialize();
  assert.deepEqual(decodeInitialize((await module.next()).payload).accepts, ['progress']);
  void session.initialize({ accepts: [] });
  assert.deepEqual(decodeInitialize((await module.next()).payload).accepts, []);
  module.send(progress('1'));
  assert.deepEqual(session.violations, [], 'nobody looks, and nobody is disturbed');
});

test('progress of a stream that is cancelled here, or over, is told to nobody', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  await new Promise((resolve) => setImmediate(resolve));
  const seen: string[] = [];
  const stream = session.openStream('simulate', {
    id: ID,
    onProgress: (value) => void seen.push(Buffer.from(value).toString()),
  });
  module.send(progress('1'));
  stream.cancel('enough');
  module.send(progress('2'));
  module.error(ID, { code: 'cancelled', message: 'enough' });
  await assert.rejects(stream.closed);
  assert.deepEqual(session.violations, []);
  module.send(progress('3'));
  assert.deepEqual(
    session.violations.map(({ kind }) => kind),
    ['afterTerminal'],
  );
  assert.deepEqual(seen, ['1']);
});

test('progress of more than 4,096 bytes is a breach of the module’s, and ends its stream', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const { seen, closed } = watched(session);
  module.send(progress('x'.repeat(4096)), progress('x'.repeat(4097)));
  await assert.rejects(closed, { code: 'protocolViolation', message: /4097 bytes/ });
  assert.equal(seen.length, 1);
});

test('an exception of onProgress is uncaught, and the stream goes on', async (t) => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const thrown = new Promise((resolve) => {
    // The runner's own listeners would fail the test for it.
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', resolve);
    t.after(() => {
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
  });
  const stream = session.openStream('simulate', {
    id: ID,
    onProgress: () => {
      throw new Error('the program’s mistake');
    },
  });
  module.send(progress('1'), frame.data(Uint8Array.of(7)));
  module.close(ID);
  assert.equal(((await thrown) as Error).message, 'the program’s mistake');
  assert.deepEqual((await stream.next()).value, Uint8Array.of(7));
  await stream.closed;
});
