import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode, HostStream, ModuleError, ModuleProcess } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { endsWith, LIMIT, untilBusy } from './helpers.ts';

/** Well beyond the 1,024 answers at which reading pauses; one write of the host brings more than that at once. */
const MANY = 3_000;

/** The limit on an error's message as it goes out, in bytes. */
const MAX_ERROR_BYTES = 4_096;

/** How often each code ended the streams; every one of them must end. */
async function endings(streams: readonly HostStream[]): Promise<Map<ErrorCode | 'close', number>> {
  const counts = new Map<ErrorCode | 'close', number>();
  await Promise.all(
    streams.map(async ({ closed }) => {
      const end = await closed.then(
        () => 'close' as const,
        ({ code }: ModuleError) => code,
      );
      counts.set(end, (counts.get(end) ?? 0) + 1);
    }),
  );
  return counts;
}

function openMany(
  module: ModuleProcess,
  method: string,
  onOpen = (_stream: HostStream): void => {},
): HostStream[] {
  return Array.from({ length: MANY }, () => {
    const stream = module.openStream(method, { metadata: { ms: '50' } });
    onOpen(stream);
    return stream;
  });
}

test('a host that asks 3,000 times at once and reads gets every answer', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  await Promise.all(Array.from({ length: MANY }, () => module.health()));
  // Reading has paused on the way, and must have gone on.
  await module.health();
});

test('a host whose 3,000 opens are refused at once reads every refusal', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  await module.initialize();
  assert.deepEqual(await endings(openMany(module, 'nope')), new Map([['methodNotFound', MANY]]));
  await module.health();
});

test('a host that opens and cancels 3,000 streams at full speed sees each of them end', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1 });
  await module.initialize();
  const counts = await endings(openMany(module, 'spin', (stream) => stream.cancel('changed my mind')));
  // None may go unanswered; that one or the other handler was faster than its cancel is fine.
  assert.equal(
    (counts.get('cancelled') ?? 0) + (counts.get('close') ?? 0),
    MANY,
    JSON.stringify([...counts]),
  );
  while ((await module.health()).openStreams > 0);
});

test('an error message is cut to 4 KiB, whoever makes it', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, args: ['--cancel-grace-ms', '60000'] });
  await module.initialize();
  const isCut = (message: string): void =>
    assert.ok(Buffer.byteLength(message) <= MAX_ERROR_BYTES, `${message.length} characters`);
  const long = 'ä'.repeat(10_000);

  await t.test('of a method that does not exist', async () => {
    isCut(await endsWith(module.openStream(long), 'methodNotFound'));
  });

  await t.test('of a cancel, to a stream that runs', async () => {
    const running = module.openStream('slow-consumer', { metadata: { ms: '1' } });
    await untilBusy(module, 1);
    running.cancel(long);
    isCut(await endsWith(running, 'cancelled'));
  });

  await t.test('of a cancel, to a stream that waits for a worker', async () => {
    const running = module.openStream('slow-consumer', { metadata: { ms: '1' } });
    await untilBusy(module, 1);
    const queued = module.openStream('sink');
    queued.cancel(long);
    isCut(await endsWith(queued, 'cancelled'));
    running.cancel('done');
    await endsWith(running, 'cancelled');
  });

  await t.test('of a cancel whose reason is longer than what a worker may have unwritten', async () => {
    const running = module.openStream('slow-consumer', { metadata: { ms: '1' } });
    await untilBusy(module, 1);
    running.cancel('x'.repeat(3 << 20));
    // Long before the grace time: the handler listens, and its worker must live on.
    isCut(await endsWith(running, 'cancelled'));
  });
});

test('a drain time beyond what a timer takes is a long one, not none', LIMIT, async (t) => {
  for (const drainMs of [0x7fff_ffff, 0xffff_ffff]) {
    const module = startModule(t, { workers: 1 });
    const stream = module.openStream('spin', { metadata: { ms: '200' } });
    await untilBusy(module, 1);
    await Promise.all([stream.closed, module.shutdown({ drainMs })]);
    assert.equal((await module.exited).code, 0);
  }
});
