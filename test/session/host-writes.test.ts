import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession } from '../../src/host/index.ts';
import { FakeModule } from './fake-module.ts';

test('what is written in one turn goes out in one write, awaited sends included', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  for (let value = 0; value < 100; value++) await stream.send(Uint8Array.from([value]));
  const rest = await module.rest();
  assert.equal(rest.length, 101);
  assert.equal(module.writes, 1);
});

test('a long burst goes out in pieces, in order and unharmed, and the buffers stay the caller’s', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  const sizes = [1, 20_000, 5_000, 65_408, 65_409, 100_000, 7];
  await module.nextFrame('open');
  const initial = module.writes;
  for (const [index, size] of sizes.entries()) {
    const buffer = new Uint8Array(size).fill(index + 1);
    assert.equal(stream.trySend(buffer), true);
    buffer.fill(0xff);
  }
  for (const [index, size] of sizes.entries()) {
    const received = (await module.nextFrame('data')).data;
    assert.equal(received.length, size);
    assert.ok(received.every((value) => value === index + 1));
  }
  assert.ok(module.writes - initial < sizes.length, 'small frames share a write');
});

test('a burst of many small frames keeps its order across the buffers that it fills', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const streams = [1, 2, 3].map(() => session.openStream('m'));
  for (const stream of streams) {
    for (let number = 0; number < 200; number++)
      assert.ok(stream.trySend(new Uint8Array(1_000).fill(number)));
  }
  for (const stream of streams) assert.equal((await module.next()).requestId, stream.id);
  for (const stream of streams) {
    for (let number = 0; number < 200; number++) {
      const { requestId, frame } = await module.next();
      assert.equal(requestId, stream.id);
      assert.ok(frame?.arm === 'data' && frame.data.every((value) => value === number));
    }
  }
});

test('credit that comes while the transport is clogged is used when it is free again', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  await stream.send(new Uint8Array(262_144));
  const waiting = stream.send(Uint8Array.from([1]));
  module.clogged = true;
  session.notifyKv({ key: 'k', operation: 'delete' });
  assert.deepEqual(await module.rest(), ['open', 'data', 'kvChangeNotification']);
  module.credit(stream.id, 1_000);
  assert.equal((await module.rest()).length, 3);
  module.drain();
  await waiting;
  assert.equal((await module.rest()).length, 4);
});

test('data waits while the transport is clogged; control frames do not', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m', { initialCredit: 100 });
  module.clogged = true;
  await module.nextFrame('open');
  // The write above came back with the demand for a pause.
  const sends = [stream.send(Uint8Array.from([1])), stream.send(Uint8Array.from([2]))];
  assert.equal(stream.trySend(Uint8Array.from([3])), false);
  stream.end();
  module.data(stream.id, new Uint8Array(100));
  await stream.next();
  const other = session.openStream('other');
  assert.deepEqual(await module.rest(), ['credit', 'open']);
  module.drain();
  await Promise.all(sends);
  assert.deepEqual(await module.rest(), ['credit', 'open', 'data', 'data', 'close']);
  assert.equal(other.trySend(Uint8Array.from([4])), true);
});

test('a stream that is cancelled while the transport is clogged sends nothing when it is free again', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  module.clogged = true;
  await module.nextFrame('open');
  const send = stream.send(Uint8Array.from([1]));
  stream.cancel('enough');
  await assert.rejects(send, { code: 'cancelled' });
  assert.deepEqual(await module.rest(), ['cancel']);
  module.drain();
  assert.deepEqual(await module.rest(), ['cancel']);
});
