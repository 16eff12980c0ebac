import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { digestsOf } from './echoes.ts';
import {
  connect,
  failureOf,
  joinNode,
  LIMIT,
  runningEchos,
  startClient,
  startNode,
  startServer,
  untilNodes,
} from './world.ts';

test(
  'a node killed in the middle of 8 streams: each fails once with unavailable, and the next runs on the other node',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const doomed = await startNode(t, server);
    const module = await connect(t, server);
    const streams = await runningEchos(module, 8);
    const spare = await startNode(t, server);
    const ends: string[] = [];
    for (const stream of streams) void stream.closed.catch((error: Error) => ends.push(error.message));
    doomed.child.kill('SIGKILL');
    for (const stream of streams) {
      assert.equal(((await failureOf(stream.closed)) as { code?: unknown }).code, 'unavailable');
    }
    assert.deepEqual(
      new Set(ends),
      new Set([`The node ${doomed.id} is lost: nobody answers there any more.`]),
    );
    assert.equal(ends.length, 8);
    const [next] = await runningEchos(module, 1);
    next?.end();
    await next?.closed;
    await untilNodes(
      module,
      (nodes) => nodes.length === 1 && nodes[0]?.id === spare.id && nodes[0].live === 0,
    );
  },
);

test(
  'the server is killed and started again in the middle of an echo of 100,000 frames, and nobody notices',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const node = await joinNode(t, server);
    const module = await connect(t, server);
    const stream = module.openStream('echo');
    // Each time when a part of the frames is through: the pause is as long as a new server takes.
    const restarts: Promise<void>[] = [];
    const { sent, received, count } = await digestsOf(stream, 100_000, (seen) => {
      if (seen === 10_000 || seen === 40_000 || seen === 70_000)
        restarts.push(server.kill().then(() => server.start()));
    });
    assert.equal(restarts.length, 3);
    await Promise.all(restarts);
    assert.equal(count, 100_000);
    assert.equal(received, sent);
    assert.equal(node.figures.live, 0);
  },
);

test('a client that is killed leaves no place taken', LIMIT, async (t) => {
  const server = await startServer(t);
  const node = await joinNode(t, server, { workers: 2 });
  const client = await startClient(
    t,
    server,
    `const streams = [1, 2].map(() => module.openStream('echo'));
     for (const stream of streams) { await stream.send(Uint8Array.of(1)); await stream.next(); }
     console.log('ready');`,
  );
  assert.equal(node.figures.live, 2);
  const gone = once(client, 'exit');
  client.kill('SIGKILL');
  await gone;
  const module = await connect(t, server);
  await untilNodes(module, ([info]) => info?.live === 0);
  assert.deepEqual([node.figures.live, node.figures.held], [0, 0]);
});

test(
  'the module child of a node is killed: its streams fail at once, and the node leaves with 70',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const node = await startNode(t, server);
    const module = await connect(t, server);
    const [stream] = await runningEchos(module, 1);
    assert.ok(stream);
    for (const pid of node.children()) process.kill(pid, 'SIGKILL');
    const error = await failureOf(stream.closed);
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, /has ended the session: The module was ended by SIGKILL/);
    assert.equal(await node.exited, 70);
  },
);

test(
  'a node that stands still counts as lost after silentMs; when it goes on, it ends what its clients have given up',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const node = await startNode(t, server);
    const module = await connect(t, server, { times: { silentMs: 3_000 } });
    const [stream] = await runningEchos(module, 1);
    assert.ok(stream);
    node.child.kill('SIGSTOP');
    const error = await failureOf(stream.closed);
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, /is lost: nothing was heard of it for 3000 ms/);
    node.child.kill('SIGCONT');
    await untilNodes(module, ([info]) => info?.live === 0);
  },
);

test('on a node that stands still, streams end graceMs after their deadline or cancel', LIMIT, async (t) => {
  const server = await startServer(t);
  const node = await startNode(t, server);
  const module = await connect(t, server, { graceMs: 100 });
  const deadline = Date.now() + 1_500;
  const stream = module.openStream('echo', { deadline });
  await stream.send(Uint8Array.of(1));
  await stream.next();
  const cancelled = module.openStream('echo');
  await cancelled.send(Uint8Array.of(1));
  await cancelled.next();
  const gone = once(node.child, 'exit');
  node.child.kill('SIGSTOP');
  cancelled.cancel('enough');
  const [late, ended] = await Promise.all([failureOf(stream.closed), failureOf(cancelled.closed)]);
  assert.equal(late.code, 'deadlineExceeded');
  assert.match(late.message, /not ended the stream within 100 ms after the deadline/);
  assert.equal(ended.code, 'cancelled');
  node.child.kill('SIGKILL');
  await gone;
});

test('a server that is gone for longer than silentMs ends the streams on both sides', LIMIT, async (t) => {
  const server = await startServer(t);
  const times = { silentMs: 2_000 };
  const node = await joinNode(t, server, { times });
  const module = await connect(t, server, { times });
  const [stream] = await runningEchos(module, 1);
  assert.ok(stream);
  await server.kill();
  assert.equal((await failureOf(stream.closed)).code, 'unavailable');
  await server.start();
  await untilNodes(module, ([info]) => info?.live === 0);
  assert.equal(node.figures.live, 0);
});

test(
  'SIGTERM drains: what runs ends well, new streams go elsewhere, and the node ends with 0',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const leaving = await startNode(t, server);
    const module = await connect(t, server);
    const streams = await runningEchos(module, 3);
    const staying = await startNode(t, server);
    leaving.child.kill('SIGTERM');
    while (!leaving.lines.some((line) => line.includes('SIGTERM'))) await module.nodes();
    const later = await runningEchos(module, 8);
    await untilNodes(module, (nodes) => nodes.find(({ id }) => id === staying.id)?.live === 8);
    for (const stream of [...streams, ...later]) {
      stream.end();
      await stream.closed;
    }
    assert.equal(await leaving.exited, 0);
  },
);

test('nodes that are replaced one after the other under load fail no stream', LIMIT, async (t) => {
  const server = await startServer(t);
  const module = await connect(t, server);
  let node = await joinNode(t, server);
  let streams = 0;
  let isOver = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const stream = module.openStream('echo');
      await stream.send(Uint8Array.of(1));
      stream.end();
      await stream.closed;
      streams += 1;
    }
  });
  for (let round = 0; round < 3; round += 1) {
    const next = await joinNode(t, server);
    const end = await node.close({ drainMs: 20_000 });
    assert.equal(end.cause, 'closed');
    node = next;
  }
  isOver = true;
  await Promise.all(load);
  assert.ok(streams > 10, `${streams} streams`);
});
