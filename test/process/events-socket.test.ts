import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import type { ModuleProcess } from '../../src/host/index.ts';
import type { LiveEvent } from '../../src/live/events.ts';
import { built } from '../support/built.ts';

const { spawnModule } = await built.host();

interface Watched {
  readonly module: ModuleProcess;
  readonly socket: string;
  /** What it wrote on standard error so far. */
  stderr(this: void): string;
}

/** The fixture `shown` with an events socket. */
async function watched(t: TestContext, prepare: (socket: string) => void = () => {}): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-events-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'events');
  prepare(socket);
  let stderr = '';
  const module = spawnModule({
    file: built.fixture('shown'),
    workers: 1,
    args: ['--events-socket', socket],
    onStderr: (text) => (stderr += text),
  });
  t.after(() => module.close({ drainMs: 0 }));
  await module.initialize();
  return { module, socket, stderr: () => stderr };
}

/** The events that a reader of the socket gets from now on. */
function events(t: TestContext, path: string): AsyncIterator<LiveEvent> {
  const socket = connect(path);
  t.after(() => socket.destroy());
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    next: async () => {
      const line: IteratorResult<string, undefined> = await lines.next();
      assert.ok(line.done !== true, 'the socket has ended');
      return { done: false, value: JSON.parse(line.value) as LiveEvent };
    },
  };
}

/** Reads on until `isIt`. */
async function until<Kind extends LiveEvent['kind']>(
  told: AsyncIterator<LiveEvent>,
  kind: Kind,
): Promise<LiveEvent & { readonly kind: Kind }> {
  for (;;) {
    const { value } = (await told.next()) as { value: LiveEvent };
    if (value.kind === kind) return value as LiveEvent & { readonly kind: Kind };
  }
}

test('a stream is told from its Open to its end, with its stall, its worker, and what its handler threw', async (t) => {
  const { module, socket } = await watched(t);
  const told = events(t, socket);
  assert.equal((await until(told, 'hello')).file, built.fixture('shown'));
  assert.ok((await until(told, 'files')).files.includes(built.fixture('shown')));
  const flood = module.openStream('flood', { initialCredit: 100 });
  const open = await until(told, 'open');
  assert.deepEqual([open.id, open.method], [flood.id, 'flood']);
  assert.deepEqual([(await until(told, 'start')).worker], [0]);
  assert.equal((await until(told, 'stall')).on, 'credit');
  flood.cancel('enough');
  assert.match((await until(told, 'stop')).reason, /enough/);
  assert.equal((await until(told, 'end')).code, 'cancelled');
  const failing = module.openStream('fail');
  await failing.closed.catch(() => undefined);
  await until(told, 'open');
  assert.match((await until(told, 'handled')).message, /the table has no column/);
});

test('who comes later gets what runs then, and figures; the socket is the owner’s alone and goes with the process', async (t) => {
  const { module, socket } = await watched(t);
  const stream = module.openStream('wait');
  const first = events(t, socket);
  await until(first, 'start');
  const later = events(t, socket);
  assert.equal((await until(later, 'open')).id, stream.id);
  assert.equal((await until(later, 'start')).id, stream.id);
  const { stats, rssBytes } = await until(later, 'figures');
  assert.equal(stats.openStreams, 1);
  assert.ok(rssBytes > 1 << 20);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  await module.close({ drainMs: 0 });
  assert.equal(existsSync(socket), false);
});

test('a path that is something else is left alone, and the module serves without', async (t) => {
  const { module, socket, stderr } = await watched(t, (path) => writeFileSync(path, 'mine'));
  assert.equal((await module.health()).status, 'serving');
  await module.close();
  assert.match(stderr(), /--events-socket .* can't be opened: it is no socket/);
  assert.equal(existsSync(socket), true);
});
