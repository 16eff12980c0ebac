import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { ModuleProcess } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { endsWith, finishEcho, runningEcho } from './helpers.ts';

/** Threads are started over and over here; on a busy machine each takes a while. */
const LIMIT = { timeout: 60_000 } as const;
const HOLD_MS = 60_000;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-missing-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A module file that can be taken away: the fixture `dies`, and before it `head`. */
function writeModule(t: TestContext, head = ''): string {
  const file = join(folderOf(t), 'module.mjs');
  const fixture = pathToFileURL(built.fixture('dies')).href;
  writeFileSync(file, `${head}export { default } from ${JSON.stringify(fixture)};`);
  return file;
}

/** Waits until health says so; each look is a question to main and its answer. */
async function untilWorkers(
  module: ModuleProcess,
  workers: number,
): Promise<Awaited<ReturnType<ModuleProcess['health']>>> {
  for (;;) {
    const health = await module.health();
    if (health.workers === workers) return health;
  }
}

/** The child's standard error as it comes, and who waits for a text in it. */
class Stderr {
  text = '';
  #waiting: { readonly text: string; readonly resolve: () => void }[] = [];

  readonly onStderr = (text: string): void => {
    this.text += text;
    this.#waiting = this.#waiting.filter((waiting) => {
      if (!this.text.includes(waiting.text)) return true;
      waiting.resolve();
      return false;
    });
  };

  async until(text: string): Promise<void> {
    if (this.text.includes(text)) return;
    // A child alone holds no process: without a timer this one would end while nothing else is waited for.
    const hold = setInterval(() => {}, HOLD_MS);
    await new Promise<void>((resolve) => this.#waiting.push({ text, resolve }));
    clearInterval(hold);
  }

  /** How often a text was printed. */
  count(text: string): number {
    return this.text.split(text).length - 1;
  }
}

/** All workers serve at once: each has an echo of its own. */
async function allServe(module: ModuleProcess, workers: number): Promise<void> {
  const echoes = await Promise.all(Array.from({ length: workers }, () => runningEcho(module)));
  assert.equal((await module.health()).busyWorkers, workers);
  await Promise.all(echoes.map(finishEcho));
}

test('workers that die while the module file is away come back with it', LIMIT, async (t) => {
  const file = writeModule(t);
  const stderr = new Stderr();
  const module = startModule(t, { file, workers: 3, onStderr: stderr.onStderr });
  await untilWorkers(module, 3);
  renameSync(file, `${file}.away`);
  for (let death = 0; death < 2; death++) await endsWith(module.openStream('exit'), 'workerCrashed');
  await stderr.until('missing workers');
  assert.equal((await untilWorkers(module, 1)).status, 'serving');
  await finishEcho(await runningEcho(module));
  renameSync(`${file}.away`, file);
  await untilWorkers(module, 3);
  await allServe(module, 3);
  await stderr.until('all 3 workers serve again');
  assert.equal(stderr.count('missing workers'), 1);
  assert.match(stderr.text, /does not exist/);
});

test(
  'with none left and none to be had, calls are refused with the cause until one is back',
  LIMIT,
  async (t) => {
    const file = writeModule(t);
    const stderr = new Stderr();
    const args = ['--unavailable-ms', '300'];
    const module = startModule(t, { file, workers: 1, args, onStderr: stderr.onStderr });
    await finishEcho(await runningEcho(module));
    renameSync(file, `${file}.away`);
    await endsWith(module.openStream('exit'), 'workerCrashed');
    assert.match(await endsWith(module.openStream('echo'), 'unavailable'), /does not exist/);
    assert.match(await endsWith(module.openStream('echo'), 'unavailable'), /does not exist/);
    assert.equal((await module.health()).workers, 0);
    renameSync(`${file}.away`, file);
    await untilWorkers(module, 1);
    await allServe(module, 1);
    assert.match(stderr.text, /no worker could be had for 0.3 s/);
  },
);

test(
  'workers that die while a preloaded agent fails in every new thread come back when it works',
  LIMIT,
  async (t) => {
    const folder = folderOf(t);
    const flag = join(folder, 'agent-down');
    const agent = join(folder, 'agent.cjs');
    writeFileSync(
      agent,
      `const { isMainThread } = require('node:worker_threads');
if (!isMainThread && require('node:fs').existsSync(${JSON.stringify(flag)})) throw new Error('the agent is down');`,
    );
    const stderr = new Stderr();
    const env = { NODE_OPTIONS: `--require ${agent}` };
    const module = startModule(t, { workers: 2, env, onStderr: stderr.onStderr });
    await untilWorkers(module, 2);
    writeFileSync(flag, '');
    await endsWith(module.openStream('exit'), 'workerCrashed');
    await stderr.until('a worker thread could not start: the agent is down');
    await untilWorkers(module, 1);
    rmSync(flag);
    await untilWorkers(module, 2);
    await allServe(module, 2);
    assert.equal(stderr.count('missing workers'), 1);
  },
);

test('replacements start although the working folder was removed', LIMIT, async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'ixt-release-'));
  const stderr = new Stderr();
  const module = startModule(t, { workers: 2, cwd, onStderr: stderr.onStderr });
  await untilWorkers(module, 2);
  rmSync(cwd, { recursive: true });
  for (let death = 0; death < 3; death++) await endsWith(module.openStream('exit'), 'workerCrashed');
  await untilWorkers(module, 2);
  await allServe(module, 2);
  assert.match(stderr.text, /the working folder was removed/);
});

test('workers that die while there is no free descriptor come back when there are some', LIMIT, async (t) => {
  const limit = 'ulimit -n 256; exec "$@"';
  const command = ['sh', '-c', limit, 'sh', ...built.serve('dies'), '--workers', '3'] as const;
  const stderr = new Stderr();
  const module = startModule(t, { command, onStderr: stderr.onStderr });
  await untilWorkers(module, 3);
  const leak = module.openStream('leak');
  await leak.next();
  await endsWith(module.openStream('exit'), 'workerCrashed');
  await stderr.until('missing workers');
  await finishEcho(leak);
  await untilWorkers(module, 3);
  await allServe(module, 3);
  assert.match(stderr.text, /EMFILE/);
});

test('a module that only one thread can load is served by that one, whichever it is', LIMIT, async (t) => {
  const stderr = new Stderr();
  const env = { IXT_TEST_MARKER: join(folderOf(t), 'loaded') };
  const module = startModule(t, {
    file: built.fixture('loads-once'),
    workers: 4,
    env,
    onStderr: stderr.onStderr,
  });
  assert.equal((await module.initialize()).workers, 4);
  await finishEcho(await runningEcho(module));
  await stderr.until('missing workers');
  assert.equal((await module.health()).workers, 1);
  assert.equal((await module.close()).code, 0);
});

test('a module that no thread can load ends with 78 and says why once', LIMIT, async (t) => {
  const file = join(folderOf(t), 'module.mjs');
  writeFileSync(file, 'export default 1;');
  const module = startModule(t, { file, workers: 4 });
  await assert.rejects(module.initialize());
  const { code, stderr } = await module.exited;
  assert.equal(code, 78);
  assert.equal(stderr.split('exports a number by default').length, 2, stderr);
});

test(
  'initialize is answered when the first worker can serve, however long the others take',
  LIMIT,
  async (t) => {
    const file = writeModule(
      t,
      `import { existsSync, openSync } from 'node:fs';
const isFirst = !existsSync(process.env.IXT_TEST_MARKER);
if (isFirst) openSync(process.env.IXT_TEST_MARKER, 'w');
else await new Promise((resolve) => setTimeout(resolve, 3_600_000));
`,
    );
    const env = { IXT_TEST_MARKER: join(folderOf(t), 'first') };
    const stderr = new Stderr();
    const args = ['--load-ms', '5000'];
    const module = startModule(t, { file, workers: 2, env, args, onStderr: stderr.onStderr });
    await finishEcho(await runningEcho(module));
    assert.equal((await module.health()).workers, 1);
    await stderr.until('did not load within 5 s');
    await finishEcho(await runningEcho(module));
  },
);
