import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import type { ModuleProcess } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { finishEcho, LIMIT, runningEcho } from './helpers.ts';
import { onMain } from './preload.ts';

const IDLE_MS = 200;

/** Preloaded: a line for each thread that has loaded the module or has exited. */
const TELLS_THREADS = onMain(`
  const { subscribe } = await import('node:diagnostics_channel');
  const { writeSync } = await import('node:fs');
  subscribe('ixt-sdk:worker.ready', ({ worker }) => writeSync(2, 'came ' + worker + '\\n'));
  subscribe('ixt-sdk:worker.exit', ({ asleep }) => writeSync(2, 'went ' + (asleep ? 'asleep' : 'lost') + '\\n'));`);

/** Counts the child's threads from what is preloaded into it. */
class Threads {
  came = 0;
  asleep = 0;
  lost = 0;
  readonly #lines = new EventEmitter();
  #rest = '';

  readonly onStderr = (text: string): void => {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('came')) this.came++;
      else if (line === 'went asleep') this.asleep++;
      else if (line === 'went lost') this.lost++;
    }
    this.#lines.emit('lines');
  };

  async until(count: number): Promise<void> {
    while (this.came - this.asleep - this.lost !== count) await once(this.#lines, 'lines');
  }
}

/** All workers run an echo at once. */
async function fill(module: ModuleProcess, workers: number): Promise<void> {
  const echoes = await Promise.all(Array.from({ length: workers }, () => runningEcho(module)));
  const { workers: all, busyWorkers, status } = await module.health();
  assert.deepEqual([all, busyWorkers, status], [workers, workers, 'serving']);
  await Promise.all(echoes.map(finishEcho));
}

test(
  'four workers with a minimum of one: threads come with the calls, go when idle, and come again',
  LIMIT,
  async (t) => {
    const threads = new Threads();
    const { onStderr } = threads;
    const options = { workers: 4, minWorkers: 1, idleMs: IDLE_MS, env: TELLS_THREADS, onStderr };
    const module = startModule(t, options);
    assert.equal((await module.initialize()).workers, 4);
    await threads.until(1);
    assert.equal((await module.health()).workers, 4);
    await fill(module, 4);
    await threads.until(1);
    assert.equal((await module.health()).workers, 4);
    await fill(module, 4);
    await threads.until(1);
    assert.deepEqual([threads.came, threads.asleep, threads.lost], [7, 6, 0]);
    const { code, stderr } = await module.close();
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /missing workers/);
  },
);

test('a module whose workers sleep is shut down at once', LIMIT, async (t) => {
  const module = startModule(t, { workers: 4, minWorkers: 1, idleMs: IDLE_MS });
  await finishEcho(await runningEcho(module));
  assert.equal((await module.close()).code, 0);
});
