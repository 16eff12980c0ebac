import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { Stats } from '../../src/diagnostics.ts';
import { startModule } from '../support/module.ts';
import { call, callForOne, collect, endsWith, LIMIT } from './helpers.ts';

/** What an operator preloads, as a value of NODE_OPTIONS: it needs nothing but the names. */
function preload(names: readonly string[]): string {
  const code = `
    import { subscribe } from 'node:diagnostics_channel';
    import { writeSync } from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    for (const name of ${JSON.stringify(names)}) {
      subscribe('ixt-sdk:' + name, (event) => {
        writeSync(2, JSON.stringify({ thread: isMainThread ? 'main' : 'worker', name, event }) + '\\n');
      });
    }`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}

interface Line {
  readonly thread?: 'main' | 'worker';
  readonly name?: string;
  readonly event?: {
    readonly id?: string;
    readonly code?: string;
    readonly jobs?: number;
    readonly worker?: number;
  };
  readonly message?: string;
  readonly stats?: Stats;
}

function linesOf(stderr: string): Line[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

test('a preloaded listener hears main’s events on main, and a handler’s on its worker', LIMIT, async (t) => {
  const names = ['stream.open', 'stream.start', 'stream.end', 'worker.ready', 'worker.exit', 'stats'];
  names.push('handler.start', 'handler.firstByte', 'handler.end', 'print');
  const module = startModule(t, { workers: 1, env: { NODE_OPTIONS: preload(names) } });
  assert.equal((await call(module, 'echo', { input: [Uint8Array.of(1), Uint8Array.of(2)] })).length, 2);
  await callForOne(module, 'print', { metadata: { how: 'console' } });
  await endsWith(module.openStream('exit'), 'workerCrashed');
  await call(module, 'echo');
  const { code, stderr } = await module.close();
  assert.equal(code, 0);
  const lines = linesOf(stderr);
  const on = (thread: string, kind: RegExp, id?: string): string[] =>
    lines
      .filter(({ name = '', thread: at }) => at === thread && kind.test(name))
      .filter(({ event }) => id === undefined || event?.id === id)
      .map(({ name = '', event }) => (event?.code === undefined ? name : `${name} ${event.code}`));
  // The host may know of an end, and open the next stream, before main does: the order is each stream's own.
  const ids = new Set(lines.filter(({ name }) => name === 'stream.open').map(({ event }) => event?.id));
  const ends = ['stream.end close', 'stream.end close', 'stream.end workerCrashed', 'stream.end close'];
  assert.deepEqual(
    [...ids].map((id) => on('main', /^stream/, id)),
    ends.map((end) => ['stream.open', 'stream.start', end]),
  );
  // When a thread has loaded the module is not a stream's to say.
  assert.deepEqual(on('main', /^worker/), ['worker.ready', 'worker.exit', 'worker.ready']);
  assert.deepEqual(on('main', /^(handler|print)/), []);
  assert.deepEqual(on('worker', /./), [
    ...['handler.start', 'handler.firstByte', 'handler.end close'],
    ...['handler.start', 'print', 'handler.firstByte', 'handler.end close'],
    ...['handler.start'],
    ...['handler.start', 'handler.end close'],
  ]);
  const exit = lines.find(({ name }) => name === 'worker.exit')?.event;
  assert.deepEqual([exit?.worker, exit?.jobs], [0, 1]);
  assert.equal(lines.at(-1)?.name, 'stats', 'the figures at the end');
});

test('--stats-ms prints the figures, and those of the end in any case', LIMIT, async (t) => {
  const module = startModule(t, { workers: 1, args: ['--stats-ms', '86400000'] });
  const data = new Uint8Array(1000);
  assert.equal((await call(module, 'echo', { input: [data, data] })).length, 2);
  await endsWith(module.openStream('exit'), 'workerCrashed');
  await endsWith(module.openStream('nothing'), 'methodNotFound');
  const { stderr } = await module.close();
  const { framesIn, framesOut, bytesIn, bytesOut } = module.session.stats;
  const [line, ...more] = linesOf(stderr);
  assert.equal(more.length, 0, stderr);
  assert.equal(line?.message, 'stats');
  const { stats } = line ?? {};
  assert.ok(stats);
  // All that the host counted, but the last Shutdown's answer may be behind the figures.
  assert.deepEqual(
    [stats.framesIn, stats.framesOut, stats.bytesIn, stats.bytesOut],
    [framesOut, framesIn, bytesOut, bytesIn],
  );
  assert.deepEqual(stats.ended, { close: 1, workerCrashed: 1, methodNotFound: 1 });
  assert.deepEqual([stats.opened, stats.queueWait.count, stats.run.count], [2, 2, 2]);
  assert.ok(stats.workerRestarts >= 1);
  assert.ok((stats.mainDelay?.maxMs ?? -1) >= 0);
  assert.equal(stats.handlerCpuMs === undefined, !('threadCpuUsage' in process));
});

test(
  'a send that waits for credit, or for a host that reads, is told while it waits and counts afterwards',
  LIMIT,
  async (t) => {
    let stderr = '';
    const heard = new EventEmitter();
    const module = startModule(t, {
      workers: 1,
      args: ['--stats-ms', '86400000'],
      env: { NODE_OPTIONS: preload(['handler.stall']) },
      onStderr: (text) => {
        stderr += text;
        heard.emit('text');
      },
    });
    const stalledOn = async (on: string): Promise<void> => {
      while (!stderr.includes(`"on":"${on}"`)) await once(heard, 'text');
    };
    const metadata = { count: '8', size: String(1 << 20) };
    const poor = module.openStream('source', { metadata: { count: '1', size: '8' }, initialCredit: 0 });
    await stalledOn('credit');
    poor.grant(64);
    assert.equal((await collect(poor)).length, 1);
    // More than its ring and the socket hold.
    const unread = module.openStream('source', { metadata, initialCredit: 1 << 30 });
    module.child?.stdout?.pause();
    await stalledOn('ring');
    module.child?.stdout?.resume();
    assert.equal((await collect(unread)).length, 8);
    const exit = await module.close();
    const stats = linesOf(exit.stderr).at(-1)?.stats;
    assert.equal(stats?.creditStall.count, 1);
    assert.ok((stats?.creditStall.maxMs ?? 0) > 0);
    assert.ok((stats?.ringStall.count ?? 0) >= 1);
  },
);

test('a listener of prints may print', LIMIT, async (t) => {
  const code = `
    import { subscribe } from 'node:diagnostics_channel';
    subscribe('ixt-sdk:print', ({ target }) => console.log('heard of ' + target));`;
  const listener = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  const module = startModule(t, { workers: 1, env: { NODE_OPTIONS: listener } });
  await callForOne(module, 'print', { metadata: { how: 'console' } });
  await callForOne(module, 'print', { metadata: { how: 'stdout' } });
  const { stderr } = await module.close();
  assert.equal(stderr, 'stray output\nheard of stdout\n'.repeat(2));
});
