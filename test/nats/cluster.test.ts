import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { digestsOf } from './echoes.ts';
import type { NatsServer } from './server.ts';
import {
  connect,
  joinNode,
  LIMIT,
  runningEchos,
  startClient,
  startCluster,
  startServer,
  untilNodes,
} from './world.ts';

/** The servers' addresses in this order, and the library is not to shuffle them. */
function inOrder(servers: readonly NatsServer[]): { servers: string[]; nats: { noRandomize: true } } {
  return { servers: servers.map(({ url }) => url), nats: { noRandomize: true } };
}

test(
  'a cluster loses the server of the node and then that of the client, and an echo of 30,000 frames goes on',
  LIMIT,
  async (t) => {
    const [a, b, c] = await startCluster(t, 3);
    assert.ok(a && b && c);
    const node = await joinNode(t, a, inOrder([a, b, c]));
    const module = await connect(t, b, inOrder([b, c, a]));
    await untilNodes(module, (nodes) => nodes.length === 1);
    const stream = module.openStream('echo');
    const deaths: Promise<void>[] = [];
    const { sent, received, count } = await digestsOf(stream, 30_000, (seen) => {
      if (seen === 5_000) deaths.push(a.kill());
      if (seen === 15_000) deaths.push(b.kill());
    });
    assert.equal(deaths.length, 2);
    await Promise.all(deaths);
    assert.deepEqual([count, received], [30_000, sent]);
    assert.equal(node.figures.live, 0);
  },
);

test(
  'a server in lame duck mode sends its node and its client to another, and 8 streams go on',
  LIMIT,
  async (t) => {
    const [a, b] = await startCluster(t, 2, 'lame_duck_grace_period: "1s"\nlame_duck_duration: "30s"\n');
    assert.ok(a && b);
    const node = await joinNode(t, a, { ...inOrder([a, b]), workers: 8 });
    const module = await connect(t, a, inOrder([a, b]));
    const streams = await runningEchos(module, 8);
    let isOver = false;
    const echoes = streams.map(async (stream) => {
      for (let number = 0; !isOver; number += 1) {
        const frame = new Uint8Array(1_000).fill(number);
        await stream.send(frame);
        assert.deepEqual((await stream.next()).value, frame);
      }
      stream.end();
      await stream.closed;
    });
    const exited = a.says(/Server Exiting/);
    // nats-server --signal ldm
    a.signal('SIGUSR2');
    await exited;
    isOver = true;
    await Promise.all(echoes);
    await untilNodes(module, ([info]) => info?.live === 0);
    assert.equal(node.figures.live, 0);
  },
);

test(
  'a client that stands still until its server cuts it off as too slow goes on, and all its streams end well',
  LIMIT,
  async (t) => {
    const server = await startServer(t, 'max_pending: 1MB\nwrite_deadline: "1s"\n');
    const node = await joinNode(t, server, { workers: 4 });
    // Together they may have 16 MiB on the way: more than the system's buffers take, and the server keeps one.
    const client = await startClient(
      t,
      server,
      `const options = { metadata: { count: '80', size: '65536' }, initialCredit: 4 << 20 };
       const streams = Array.from({ length: 4 }, () => module.openStream('source', options));
       const firsts = await Promise.all(streams.map((stream) => stream.next()));
       if (firsts.some(({ done }) => done)) throw new Error('a stream is over too early');
       console.log('ready');
       let frames = firsts.length;
       await Promise.all(streams.map(async (stream) => { for await (const frame of stream) frames += 1; }));
       process.exit(frames === 4 * 80 ? 0 : 3);`,
    );
    const exited = once(client, 'exit');
    client.kill('SIGSTOP');
    await server.says(/Slow Consumer/);
    client.kill('SIGCONT');
    assert.deepEqual(await exited, [0, null]);
    const module = await connect(t, server);
    await untilNodes(module, ([info]) => info?.live === 0);
    assert.equal(node.figures.live, 0);
  },
);

test(
  'a server that stands still while its client asks is waited for, and no frame is lost',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    await joinNode(t, server);
    const module = await connect(t, server);
    const stream = module.openStream('echo');
    const pauses: Promise<void>[] = [];
    const { sent, received, count } = await digestsOf(stream, 20_000, (seen) => {
      if (seen !== 5_000) return;
      server.signal('SIGSTOP');
      // The question gets no answer and ends by its own time: so long the server stands still. On a busy machine it takes the signal
      // late, and may answer a first one.
      pauses.push(untilNodes(module, (nodes) => nodes.length === 0).then(() => server.signal('SIGCONT')));
    });
    await Promise.all(pauses);
    assert.deepEqual([pauses.length, count, received], [1, 20_000, sent]);
  },
);
