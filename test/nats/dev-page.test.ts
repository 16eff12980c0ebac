import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { CallView, ModuleView, NodeView, OpenRequest, PageMessage } from '../../src/live/page.ts';
import { serve } from '../page/helpers.ts';
import { LIMIT, startNode, startServer } from './world.ts';

/** What the feed has told last. */
interface Told {
  module?: ModuleView;
  nodes?: readonly NodeView[];
  call?: CallView;
}

/** Reads the feed of the page at that address, and waits in it. */
async function readFeed(
  t: TestContext,
  address: string,
): Promise<(isSo: (told: Told) => boolean) => Promise<Told>> {
  const aborter = new AbortController();
  t.after(() => aborter.abort());
  const { body } = await fetch(`${address}feed`, { signal: aborter.signal });
  assert.ok(body);
  const messages = messagesOf(body);
  const told: Told = {};
  return async (isSo) => {
    while (!isSo(told)) {
      const { value } = await messages.next();
      assert.ok(value, 'the feed has ended');
      if (value.kind === 'module') told.module = value.module;
      if (value.kind === 'nodes') told.nodes = value.nodes;
      if (value.kind === 'call') told.call = value.call;
    }
    return told;
  };
}

async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<PageMessage, undefined> {
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + text).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      if (event.startsWith('data: ')) yield* JSON.parse(event.slice(6)) as PageMessage[];
    }
  }
  return undefined;
}

const OPEN_ECHO: OpenRequest = {
  method: 'echo',
  kind: 'stream',
  input: '',
  lines: false,
  ends: false,
  deadlineMs: 0,
  initialCredit: 65_536,
  grants: true,
  count: 1,
};

test(
  'the page of dev --nats is told of each node, calls the module over NATS, and is told of a death',
  LIMIT,
  async (t) => {
    const server = await startServer(t);
    const { address } = await serve(t, ['dev', 'conformance', '--nats', server.url]);
    const until = await readFeed(t, address);
    const { module: lost } = await until(({ module }) => module?.state === 'lost');
    assert.equal(lost?.why, 'No node of conformance answers on NATS.');

    const nodes = [await startNode(t, server), await startNode(t, server)];
    const told = await until(({ nodes: seen }) => seen?.length === 2);
    assert.deepEqual(
      told.nodes?.map(({ id }) => id),
      nodes.map(({ id }) => id).sort(),
    );
    assert.deepEqual(
      told.nodes?.map(({ live, capacity }) => `${live} of ${capacity}`),
      ['0 of 8', '0 of 8'],
    );
    const { module } = await until((now) => now.module?.state === 'serving');
    assert.ok(module?.methods.some(({ name }) => name === 'echo'));

    const headers = { 'Content-Type': 'application/json' };
    await fetch(`${address}calls`, { method: 'POST', headers, body: JSON.stringify(OPEN_ECHO) });
    const busy = (
      await until(({ nodes: seen }) => seen?.some(({ live }) => live === 1) === true)
    ).nodes?.find(({ live }) => live === 1);
    const doomed = nodes.find(({ id }) => id === busy?.id);
    const spare = nodes.find(({ id }) => id !== busy?.id);
    doomed?.child.kill('SIGKILL');
    await until(({ nodes: seen }) => seen?.length === 1 && seen[0]?.id === spare?.id);
    const { call } = await until((now) => now.call?.live === 0);
    assert.deepEqual(call?.ended, { unavailable: 1 });

    spare?.child.kill('SIGKILL');
    await until((now) => now.nodes?.length === 0 && now.module?.state === 'lost');
  },
);
