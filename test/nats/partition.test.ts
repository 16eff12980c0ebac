import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cable } from './cable.ts';
import { digestsOf } from './echoes.ts';
import { connect, failureOf, joinNode, LIMIT, runningEchos, startServer, untilNodes } from './world.ts';

test('a short partition between a node and its server is a pause, and no frame is lost', LIMIT, async (t) => {
  const server = await startServer(t);
  const cable = await Cable.to(t, server);
  const node = await joinNode(t, cable);
  const module = await connect(t, server);
  const stream = module.openStream('echo');
  const pauses: Promise<void>[] = [];
  const { sent, received, count } = await digestsOf(stream, 20_000, (seen) => {
    if (seen !== 5_000) return;
    cable.cut();
    // The question gets no answer and ends by its own time: so long the network is cut.
    pauses.push(untilNodes(module, (nodes) => nodes.length === 0).then(() => cable.mend()));
  });
  await Promise.all(pauses);
  assert.deepEqual([pauses.length, count, received], [1, 20_000, sent]);
  assert.equal(node.figures.live, 0);
});

test(
  'a long partition ends the streams on both sides; what is opened meanwhile runs when it is over, and all places are back',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const cable = await Cable.to(t, server);
    const times = { silentMs: 3_000 };
    const node = await joinNode(t, cable, { workers: 4, times });
    const module = await connect(t, server, { times });
    const streams = await runningEchos(module, 4);
    cable.cut();
    for (const stream of streams) {
      const error = await failureOf(stream.closed);
      assert.equal(error.code, 'unavailable');
      assert.match(error.message, /is lost: nothing was heard of it for 3000 ms/);
    }
    const meanwhile = module.openStream('echo');
    const sending = meanwhile.send(Uint8Array.of(7));
    while (node.figures.live > 0) assert.deepEqual(await module.nodes(), []);
    cable.mend();
    await sending;
    assert.deepEqual((await meanwhile.next()).value, Uint8Array.of(7));
    meanwhile.end();
    await meanwhile.closed;
    await untilNodes(module, ([info]) => info?.live === 0 && info.held === 0);
  },
);
