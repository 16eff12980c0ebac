import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostSession } from '../../src/host/index.ts';
import { encodeInitialized } from '../../src/wire/payload-encode.ts';
import { decodeInitialize } from '../../src/wire/payload-decode.ts';
import { INITIAL_CREDIT, MAX_DATA_BYTES, MIN_DATA_COST } from '../../src/wire/flow-limits.ts';
import { FakeModule } from './fake-module.ts';

const zeros = (length: number): Uint8Array => new Uint8Array(length);

/** Whether `promise` has settled by now, microtasks included. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('one frame may overdraw the window; the next waits until the balance is above 0', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  await stream.send(zeros(INITIAL_CREDIT - 1));
  await stream.send(zeros(MAX_DATA_BYTES));
  const waiting = stream.send(zeros(1));
  assert.equal(stream.trySend(zeros(1)), false);
  // The balance is 1 - 1 MiB: one byte less than that leaves it at 0, which isn't enough.
  module.credit(stream.id, MAX_DATA_BYTES - 1);
  assert.equal(await isSettled(waiting), false);
  module.credit(stream.id, 1);
  await waiting;
  assert.deepEqual(await module.rest(), ['open', 'data', 'data', 'data']);
  assert.deepEqual(session.violations, []);
});

test('a tiny frame costs the minimum', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  let sent = 0;
  while (stream.trySend(zeros(1))) sent += 1;
  assert.equal(sent, INITIAL_CREDIT / MIN_DATA_COST);
  module.credit(stream.id, 1);
  assert.equal(stream.trySend(zeros(0)), true);
  assert.equal(stream.trySend(zeros(0)), false);
  await module.rest();
});

test('sends that wait keep their order, a later one does not overtake them, and the end comes last', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  await stream.send(zeros(INITIAL_CREDIT));
  const sends = [1, 2, 3].map((value) => stream.send(Uint8Array.from([value])));
  stream.end();
  await module.nextFrame('open');
  await module.nextFrame('data');
  assert.deepEqual(await module.rest(), []);
  // 128 are two frames of the minimum; after them the balance is 0.
  module.credit(stream.id, 2 * MIN_DATA_COST);
  assert.deepEqual(await module.rest(), ['data', 'data']);
  module.credit(stream.id, 1);
  await Promise.all(sends);
  for (const value of [1, 2, 3]) {
    assert.deepEqual((await module.nextFrame('data')).data, Uint8Array.from([value]));
  }
  await module.nextFrame('close');
});

test('a send beyond one frame is several, with nothing between them, and waits for credit of each', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  const large = Uint8Array.from({ length: 2 * MAX_DATA_BYTES + 5 }, (_, i) => i % 251);
  const sent = stream.send(large);
  const behind = stream.send(Uint8Array.of(9));
  await module.nextFrame('open');
  const parts = [(await module.nextFrame('data')).data];
  for (const length of [MAX_DATA_BYTES, 5]) {
    assert.deepEqual(await module.rest(), [], 'no credit');
    module.credit(stream.id, parts.at(-1)!.length);
    parts.push((await module.nextFrame('data')).data);
    assert.equal(parts.at(-1)!.length, length);
    if (length === 5) break;
  }
  await sent;
  assert.deepEqual(Buffer.concat(parts), Buffer.from(large));
  await behind;
  assert.deepEqual((await module.nextFrame('data')).data, Uint8Array.of(9));
});

test('trySend beyond one frame sends the first and keeps a copy of the rest', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  const large = new Uint8Array(MAX_DATA_BYTES + 2).fill(7);
  assert.equal(stream.trySend(large), true);
  assert.equal(stream.trySend(Uint8Array.of(1)), false, 'the rest is ahead of it');
  large.fill(0);
  await module.nextFrame('open');
  await module.nextFrame('data');
  module.credit(stream.id, MAX_DATA_BYTES);
  assert.deepEqual((await module.nextFrame('data')).data, Uint8Array.of(7, 7));
});

test('a chunk whose buffer was taken away while it waited is refused, and nothing of it goes out', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m');
  await stream.send(zeros(INITIAL_CREDIT));
  const chunk = new Uint8Array(100);
  const waiting = stream.send(chunk);
  structuredClone(chunk, { transfer: [chunk.buffer] });
  module.credit(stream.id, INITIAL_CREDIT);
  await assert.rejects(waiting, { code: 'invalidArgument', message: /100 bytes has 0/ });
  assert.deepEqual(await module.rest(), ['open', 'data']);
});

test('the first window is the one that the module announces', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const before = session.openStream('m');
  const initializing = session.initialize({ runtimeName: 'test', config: Uint8Array.from([1]) });
  await module.nextFrame('open');
  const request = await module.next();
  assert.equal(request.type, 'initialize');
  const { runtimeName, config, protocolVersion } = decodeInitialize(request.payload);
  assert.deepEqual([runtimeName, [...config], protocolVersion], ['test', [1], 1]);
  const announced = 3 * INITIAL_CREDIT;
  module.answer(
    request.requestId,
    encodeInitialized({
      protocolVersion: 1,
      moduleName: 'fake',
      moduleVersion: '1',
      capabilities: ['serverStream'],
      methods: ['m'],
      workers: 2,
      initialCredit: announced,
    }),
  );
  const initialized = await initializing;
  assert.equal(initialized.moduleName, 'fake');
  assert.deepEqual(initialized.capabilities, ['serverStream']);
  const after = session.openStream('m');
  for (const [stream, window] of [[before, INITIAL_CREDIT] as const, [after, announced] as const]) {
    assert.equal(stream.trySend(zeros(window - 1)), true);
    assert.equal(stream.trySend(zeros(1)), true);
    assert.equal(stream.trySend(zeros(1)), false);
  }
  assert.deepEqual(session.violations, []);
});

test('a first window below the constant is a violation, and is not counted with', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const initializing = session.initialize();
  const { requestId } = await module.next();
  const workers = {
    protocolVersion: 1,
    moduleName: '',
    moduleVersion: '',
    capabilities: [],
    methods: [],
    workers: 1,
  };
  module.answer(requestId, encodeInitialized({ ...workers, initialCredit: INITIAL_CREDIT - 1 }));
  await initializing;
  assert.deepEqual(
    session.violations.map(({ kind }) => kind),
    ['firstWindow'],
  );
});

test('a first window of 0 is the schema’s default, and stands for the constant', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const initializing = session.initialize();
  const { requestId } = await module.next();
  // An empty payload is the struct with all its defaults: what a child in another language may send.
  module.answer(requestId, new Uint8Array(0));
  assert.equal((await initializing).initialCredit, 0);
  assert.deepEqual(session.violations, []);
});

test('credit goes back when the consumer took the data, in batches of half a window', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m', { initialCredit: 1_000 });
  await module.nextFrame('open');
  module.data(stream.id, zeros(300));
  module.data(stream.id, zeros(100));
  module.data(stream.id, zeros(100));
  module.data(stream.id, zeros(1));
  assert.deepEqual(await module.rest(), []);
  await stream.next();
  await stream.next();
  assert.deepEqual(await module.rest(), []);
  await stream.next();
  assert.equal((await module.nextFrame('credit')).bytes, 500);
  await stream.next();
  module.data(stream.id, zeros(900));
  await stream.next();
  // The frame of one byte cost the minimum.
  assert.equal((await module.nextFrame('credit')).bytes, MIN_DATA_COST + 900);
  assert.deepEqual(session.violations, []);
});

test('what a waiting reader gets straight away is granted back too', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m', { initialCredit: 1_000 });
  await module.nextFrame('open');
  const read = stream.next();
  module.data(stream.id, zeros(700));
  await read;
  assert.equal((await module.nextFrame('credit')).bytes, 700);
});

test('without automatic credit only grants go out', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('m', { initialCredit: 100, autoCredit: false });
  await module.nextFrame('open');
  module.data(stream.id, zeros(100));
  await stream.next();
  assert.deepEqual(await module.rest(), []);
  stream.grant(1);
  assert.equal((await module.nextFrame('credit')).bytes, 1);
  module.data(stream.id, zeros(5));
  assert.deepEqual(session.violations, []);
  module.data(stream.id, zeros(5));
  assert.deepEqual(
    session.violations.map(({ kind }) => kind),
    ['flowControl'],
  );
  assert.throws(() => stream.grant(2 ** 31), { code: 'invalidArgument' });
});
