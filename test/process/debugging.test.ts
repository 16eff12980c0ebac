import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { transformSync } from 'esbuild';
import type { ModuleProcess } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { callForOne, finishEcho, LIMIT, sourceFixture } from './helpers.ts';

const FILE = sourceFixture('debugging.ts');

/** The 1-based line of the fixture that holds `text`. */
function lineOf(text: string): number {
  return (
    1 +
    readFileSync(FILE, 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text))
  );
}

test('a handler that keeps its neighbours waiting is named', LIMIT, async (t) => {
  let stderr = '';
  const args = ['--streams-per-worker', '3'];
  const heard = new EventEmitter();
  const onStderr = (text: string): void => {
    stderr += text;
    heard.emit('text');
  };
  const told = async (word: string): Promise<void> => {
    while (!stderr.includes(word)) await once(heard, 'text');
  };
  const module = startModule(t, { file: FILE, workers: 1, args, onStderr });
  const neighbour = module.openStream('neighbour');
  const hog = module.openStream('hog');
  await Promise.all([neighbour.next(), hog.next()]);
  await hog.send(new Uint8Array(1));
  await hog.next();
  await finishEcho(hog);
  const blocking = module.openStream('blocks');
  await blocking.send(new Uint8Array(1));
  await blocking.next();
  await told('blocks');
  await finishEcho(blocking);
  await finishEcho(neighbour);
  await module.close();
  assert.match(stderr, /'hog' held the worker that it shares for \d+ ms; 1 other streams waited/);
  assert.match(stderr, /'blocks' blocks the worker that it shares/);
});

test('a handler alone on its worker may hold it without a word', LIMIT, async (t) => {
  let stderr = '';
  const args = ['--streams-per-worker', '3'];
  const onStderr = (text: string): void => void (stderr += text);
  const module = startModule(t, { file: FILE, workers: 1, args, onStderr });
  await callForOne(module, 'blocks', { input: [new Uint8Array(1)] });
  await module.close();
  assert.equal(stderr, '');
});

test('each worker’s thread has a name', LIMIT, async (t) => {
  if (process.platform !== 'linux') return;
  const module = startModule(t, { file: FILE, workers: 2 });
  await module.initialize();
  await Promise.all(['neighbour', 'neighbour'].map((method) => module.openStream(method).next()));
  const tasks = `/proc/${module.pid}/task`;
  const names = readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/comm`, 'utf8').trim());
  // Threads that a worker starts, for a loader say, go by its name.
  const ours = new Set(names.filter((name) => name.startsWith('ixt-')));
  assert.deepEqual([...ours].sort(), ['ixt-worker-0', 'ixt-worker-1']);
});

test('each worker has a debugger where it is asked for, and none otherwise', LIMIT, async (t) => {
  const listening = async (module: ModuleProcess): Promise<string[]> => {
    await Promise.all(['neighbour', 'neighbour'].map((method) => module.openStream(method).next()));
    module.kill();
    const { stderr } = await module.exited;
    return stderr.match(/ws:\/\/127\.0\.0\.1:\d+/g) ?? [];
  };
  const args = ['--inspect-worker=0'];
  const addresses = await listening(startModule(t, { file: FILE, workers: 2, args }));
  assert.equal(new Set(addresses).size, 2, addresses.join(' '));
  assert.deepEqual(await listening(startModule(t, { file: FILE, workers: 2 })), []);
});

test(
  'a debugger’s port that is taken is told with what to do, and the worker serves all the same',
  LIMIT,
  async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const module = startModule(t, { file: FILE, workers: 1, args: [`--inspect-worker=${port}`] });
    await callForOne(module, 'stack');
    module.kill();
    const { stderr } = await module.exited;
    assert.match(stderr, new RegExp(`without a debugger: port ${port} .* another port, or 0 for any`));
  },
);

test('the stack of a handler shows its TypeScript, loaded as such or compiled', LIMIT, async (t) => {
  const expected = `debugging.ts:${lineOf('new Error(')}:`;
  const stackOf = async (file: string): Promise<string> => {
    const module = startModule(t, { file, workers: 1 });
    return Buffer.from(await callForOne(module, 'stack')).toString('utf8');
  };
  assert.ok((await stackOf(FILE)).includes(expected), 'from the source');
  const folder = mkdtempSync(join(tmpdir(), 'ixt-stack-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { code } = transformSync(readFileSync(FILE, 'utf8').replace(/^import .*$/m, ''), {
    loader: 'ts',
    format: 'esm',
    minifyWhitespace: true,
    sourcemap: 'inline',
    sourcefile: FILE,
    banner: 'const defineModule = (definition) => definition;',
  });
  const compiled = join(folder, 'compiled.mjs');
  writeFileSync(compiled, code);
  const stack = await stackOf(compiled);
  assert.ok(stack.includes(expected), stack);
});
