import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { mixedChunk } from '../fixtures/parallel.ts';
import { callForOne, endsWith, finishEcho, LIMIT, runningEcho, TRANSPORTS, untilBusy } from './helpers.ts';

test('two CPU-bound streams compute at the same time, on two threads', LIMIT, async (t) => {
  const module = startModule(t, { file: built.fixture('parallel'), workers: 2 });
  // Both workers have loaded the module before it counts.
  for (const echo of await Promise.all([runningEcho(module), runningEcho(module)])) await finishEcho(echo);
  const options = { metadata: { ms: '300' } };
  const spans = await Promise.all(
    [1, 2].map(async () => {
      const data = await callForOne(module, 'busy', options);
      const { threadId, begin, end } = JSON.parse(Buffer.from(data).toString()) as Record<string, string>;
      return { threadId, begin: BigInt(begin ?? 0), end: BigInt(end ?? 0) };
    }),
  );
  const [first, second] = spans;
  assert.ok(first && second);
  assert.notEqual(first.threadId, second.threadId);
  assert.ok(first.begin < second.end && second.begin < first.end, 'one began when the other had ended');
});

test('health is answered while every worker is in a loop that never ends', LIMIT, async (t) => {
  const module = startModule(t, { workers: 2, args: ['--cancel-grace-ms', '50'] });
  const streams = [module.openStream('hang'), module.openStream('hang'), module.openStream('hang')];
  await untilBusy(module, 2);
  const before = await module.health();
  assert.deepEqual(
    [before.openStreams, before.queuedOpens, before.workers, before.status],
    [3, 1, 2, 'serving'],
  );
  for (let round = 0; round < 100; round++) await module.health();
  const after = await module.health();
  assert.equal(after.framesIn - before.framesIn, 101);
  assert.equal(after.framesOut - before.framesOut, 101);
  assert.ok(after.uptimeMs >= before.uptimeMs && after.rssBytes > 1_000_000);
  for (const stream of streams) stream.cancel('enough');
  await Promise.all(streams.map((stream) => endsWith(stream, 'cancelled')));
});

for (const transport of TRANSPORTS) {
  test(
    `the frames of four workers, 1,000 each of mixed sizes, arrive whole and in order, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, { transport, file: built.fixture('parallel'), workers: 4 });
      const bytes = await Promise.all(
        [1, 2, 3, 4].map(async (seed) => {
          const metadata = { seed: `${seed}`, count: '1000' };
          // A small window for two of them: their workers block and are woken all the time.
          const initialCredit = seed % 2 === 0 ? 4_096 : 1_000_000;
          let index = 0;
          let total = 0;
          for await (const data of module.openStream('mixed', { metadata, initialCredit })) {
            const expected = mixedChunk(seed, index);
            assert.ok(Buffer.compare(data, expected) === 0, `Data ${index} of stream ${seed}`);
            total += data.length;
            index += 1;
          }
          assert.equal(index, 1_000);
          return total;
        }),
      );
      // All sizes were there: the fixture has not become a stream of empty frames.
      assert.ok(Math.min(...bytes) > 4_000_000, bytes.join(' '));
    },
  );

  test(
    `a host that writes 32 MiB before it reads once does not lock up, over ${transport}s`,
    LIMIT,
    async (t) => {
      const module = startModule(t, { transport, workers: 2 });
      const streams = Array.from({ length: 128 }, () => module.openStream('sink'));
      const chunk = new Uint8Array(262_144);
      // The whole window of each stream in one turn; what can't go out yet waits in the host's own queue.
      const sent = streams.map((stream) => stream.send(chunk));
      for (const stream of streams) stream.end();
      await Promise.all(sent);
      for (const stream of streams) {
        const { value } = await stream.next();
        assert.ok(value);
        assert.equal(new DataView(value.buffer, value.byteOffset).getUint32(0, true), 262_144);
        await stream.closed;
      }
    },
  );
}
