import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { HostStream } from '../../src/host/index.ts';
import {
  connect,
  connectModule,
  failureOf,
  joinModule,
  joinNode,
  LIMIT,
  startNode,
  startServer,
  untilNodes,
} from './world.ts';

async function running(stream: HostStream): Promise<HostStream> {
  await stream.send(Uint8Array.of(1));
  await stream.next();
  return stream;
}

test('no node ever has more streams than places, and each stream runs once', LIMIT, async (t) => {
  const server = await startServer(t);
  const nodes = [await joinNode(t, server, { workers: 1 }), await joinNode(t, server, { workers: 1 })];
  let most = 0;
  const module = await connect(t, server, {
    onWire: () => {
      for (const { figures } of nodes) most = Math.max(most, figures.live + figures.held);
    },
  });
  const streams = Array.from({ length: 12 }, () => module.openStream('spin', { metadata: { ms: '30' } }));
  let answers = 0;
  for (const stream of streams) for await (const _ of stream) answers += 1;
  assert.equal(answers, 12);
  assert.equal(most, 1);
  await untilNodes(module, (infos) => infos.every(({ live, held }) => live + held === 0));
});

test('a stream that no node has a place for ends with resourceExhausted after placeMs', LIMIT, async (t) => {
  const server = await startServer(t);
  const module = await connect(t, server, { placeMs: 500 });
  const started = performance.now();
  const error = await failureOf(module.openStream('echo').closed);
  assert.equal(error.code, 'resourceExhausted');
  assert.equal(error.message, 'No node had a place within 500 ms.');
  assert.ok(performance.now() - started >= 500);
  assert.equal((await failureOf(module.request('echo', new Uint8Array(1)))).code, 'resourceExhausted');
});

test(
  'a waiting stream heeds its deadline, its cancel and its signal, and keeps what it was told',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const module = await connect(t, server);
    const late = module.openStream('echo', { deadline: Date.now() + 300 });
    assert.equal((await failureOf(late.closed)).code, 'deadlineExceeded');
    const dropped = module.openStream('echo');
    const sending = dropped.send(Uint8Array.of(1));
    dropped.cancel('never mind');
    assert.deepEqual(
      [(await failureOf(sending)).code, (await failureOf(dropped.closed)).message],
      ['cancelled', 'never mind'],
    );
    const stop = new AbortController();
    const stopped = module.openStream('echo', { signal: stop.signal });
    const request = module.request('echo', new Uint8Array(1), { signal: stop.signal });
    stop.abort('enough');
    assert.equal((await failureOf(stopped.closed)).code, 'cancelled');
    assert.equal((await failureOf(request)).code, 'cancelled');
    const patient = module.openStream('echo');
    assert.equal(patient.trySend(Uint8Array.of(1)), false);
    const sends = [patient.send(Uint8Array.of(1)), patient.send(Uint8Array.of(2))];
    patient.end();
    await joinNode(t, server);
    const received: number[] = [];
    for await (const data of patient) received.push(...data);
    await Promise.all(sends);
    assert.deepEqual(received, [1, 2]);
  },
);

test('a stream pinned to a node runs there or nowhere', LIMIT, async (t) => {
  const server = await startServer(t);
  const first = await joinNode(t, server, { workers: 1 });
  const second = await joinNode(t, server, { workers: 1 });
  const module = await connect(t, server);
  const one = await running(module.openStream('echo', { node: second.id }));
  const waiting = running(module.openStream('echo', { node: second.id }));
  const other = await running(module.openStream('echo'));
  assert.deepEqual([first.figures.live, second.figures.live], [1, 1]);
  one.end();
  await one.closed;
  (await waiting).end();
  other.end();
  await other.closed;
  const nowhere = module.openStream('echo', { node: 'f'.repeat(32) });
  const error = await failureOf(nowhere.closed);
  assert.deepEqual([error.code, error.message], ['unavailable', `There is no node ${'f'.repeat(32)}.`]);
  assert.throws(() => module.openStream('echo', { node: 'a.>' }), { code: 'invalidArgument' });
});

test('what is the node’s over NATS fails clearly, and works where the module joins', LIMIT, async (t) => {
  const server = await startServer(t);
  const asked: string[] = [];
  await joinNode(t, server, {
    workers: 1,
    onService: ({ service, body }) => {
      asked.push(service);
      return body;
    },
  });
  const other = await joinNode(t, server, { workers: 1, name: 'conformance' });
  const module = await connect(t, server);
  await assert.rejects(module.initialize({ config: Uint8Array.of(1) }), {
    code: 'invalidArgument',
    message: /node’s/,
  });
  const service = async (): Promise<unknown> => {
    const stream = module.openStream('service', { metadata: { service: 'store', method: 'get' } });
    await stream.send(Uint8Array.of(7));
    stream.end();
    return (await stream.next()).value;
  };
  const busy = await running(module.openStream('echo', { node: other.id }));
  assert.deepEqual(await service(), Uint8Array.of(7));
  assert.deepEqual(asked, ['store']);
  busy.end();
  await busy.closed;
  // Each node has one worker, so that its copy of the module has seen all that the node was told.
  module.notifyKv({ key: 'a', operation: 'set', value: Uint8Array.of(1) });
  for (const { id } of await module.nodes()) {
    const stream = module.openStream('kv', { node: id });
    assert.deepEqual((await stream.next()).value, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    await stream.closed;
  }
});

test('a client that closes lets its streams end, and then opens none', LIMIT, async (t) => {
  const server = await startServer(t);
  const node = await joinNode(t, server);
  const module = await connect(t, server);
  const stream = await running(module.openStream('echo'));
  const closing = module.close();
  await stream.send(Uint8Array.of(2));
  assert.deepEqual((await stream.next()).value, Uint8Array.of(2));
  stream.end();
  await stream.closed;
  await closing;
  assert.equal((await failureOf(module.openStream('echo').closed)).code, 'unavailable');
  assert.equal(node.figures.live, 0);
});

test('the nodes are seen by the service protocol of NATS', LIMIT, async (t) => {
  const server = await startServer(t);
  const node = await joinNode(t, server, { workers: 1 });
  const nats = await import('@nats-io/transport-node');
  const connection = await nats.connect({ servers: server.url });
  t.after(() => connection.close());
  const ask = async (subject: string): Promise<Record<string, unknown>> =>
    (await connection.request(subject)).json<Record<string, unknown>>();
  for (const scope of ['', '.conformance', `.conformance.${node.id}`]) {
    const ping = await ask(`$SRV.PING${scope}`);
    assert.deepEqual(
      [ping['type'], ping['name'], ping['id']],
      ['io.nats.micro.v1.ping_response', 'conformance', node.id],
    );
  }
  const stats = await ask('$SRV.STATS.conformance');
  const [endpoint] = stats['endpoints'] as { subject: string; data: unknown }[];
  assert.equal(endpoint?.subject, 'ixt.conformance.want');
  assert.deepEqual(endpoint?.data, { capacity: 1, live: 0, held: 0, queued: 0, sessions: 0 });
  assert.equal((await ask('$SRV.INFO.conformance'))['version'], '1.0.0');
});

test('names and servers that can not be are refused with what to do', LIMIT, async (t) => {
  const server = await startServer(t);
  for (const name of ['', 'a.b', 'a b', '*', '>', 'x'.repeat(65)]) {
    await assert.rejects(connectModule({ servers: server.url, name }), {
      code: 'invalidArgument',
      message: /--name/,
    });
  }
  await assert.rejects(connectModule({ name: 'a' }), { code: 'invalidArgument', message: /Give servers/ });
  await assert.rejects(connectModule({ name: 'a', servers: server.url, prefix: 'a.>' }), {
    code: 'invalidArgument',
  });
  await server.kill();
  await assert.rejects(connectModule({ name: 'a', servers: server.url }), {
    code: 'unavailable',
    message: /NATS can't be used at nats:\/\/127.0.0.1/,
  });
  await assert.rejects(joinModule({ servers: server.url, file: 'no-such-file.js' }), { code: 'unavailable' });
});

test('the workers of a node may sleep, and their places are places all the same', LIMIT, async (t) => {
  const server = await startServer(t);
  const node = await startNode(t, server, ['--min-workers', '1', '--idle-ms', '100']);
  const [child] = node.children();
  const command = readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0').join(' ');
  assert.match(command, / --min-workers 1 --idle-ms 100 /);
  const module = await connect(t, server);
  const streams = Array.from({ length: 8 }, () => module.openStream('echo'));
  await Promise.all(streams.map(running));
  await untilNodes(module, ([info]) => info?.live === 8 && info.queued === 0);
});
