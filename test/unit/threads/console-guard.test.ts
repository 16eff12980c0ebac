import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as turnEnds } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';

/** The guard for a thread without a loader: one would ask the thread that starts it, which waits here. */
async function bundledGuard(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../../src/threads/console-guard.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'iife',
    globalName: 'guard',
    // A script has no address of its own; what is required by this one is a module of Node's.
    define: { 'import.meta.url': JSON.stringify(import.meta.url) },
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

test('a thread lives whose parent begins to read its standard output only when that is replaced already', async (t) => {
  const code = `${await bundledGuard()}
    const { parentPort, workerData } = require('node:worker_threads');
    guard.guardConsole(() => {});
    // After the messages that were sent before this one by other ways.
    parentPort.once('message', () => setImmediate(() => parentPort.postMessage('alive')));
    Atomics.store(workerData, 0, 1);
    Atomics.notify(workerData, 0);`;
  const guarded = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(code, { eval: true, execArgv: [], workerData: guarded });
  t.after(() => worker.terminate());
  // Node tells the thread at the end of this turn that its output is read; a parent that starts many threads is as late as this.
  assert.notEqual(Atomics.wait(guarded, 0, 0, 10_000), 'timed-out');
  await turnEnds();
  worker.postMessage('are you there?');
  assert.deepEqual(await once(worker, 'message'), ['alive']);
});
