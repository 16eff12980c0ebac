import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli, scratchFolder } from './cli-helpers.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Gives a folder what `npm install` would: tsx and the types from this checkout, and this package from its sources. */
function install(folder: string): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@types'), { recursive: true });
  for (const name of ['tsx', 'typescript', '@types/node']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  const sdk = join(modules, 'ixt-sdk');
  mkdirSync(sdk);
  symlinkSync(join(ROOT, 'src'), join(sdk, 'src'));
  const exports = { '.': './src/index.ts', './host': './src/host/index.ts' };
  writeFileSync(join(sdk, 'package.json'), JSON.stringify({ name: 'ixt-sdk', type: 'module', exports }));
}

async function init(t: TestContext): Promise<string> {
  const parent = scratchFolder(t);
  const { code, stdout, stderr } = await runCli(t, ['init', 'My Module'], { cwd: parent });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^My Module holds a module/);
  return join(parent, 'My Module');
}

test('init makes a module whose tests pass and whose types hold', { timeout: 120_000 }, async (t) => {
  const folder = await init(t);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    dependencies: Record<string, string>;
    scripts: { test: string };
  };
  assert.equal(manifest.name, 'my-module');
  // From a checkout, as here, the new package gets the checkout.
  assert.match(manifest.dependencies['ixt-sdk'] ?? '', /^file:/);
  assert.ok(readdirSync(folder).includes('.gitignore'));
  install(folder);
  const run = spawnSync('/bin/sh', ['-c', manifest.scripts.test], {
    cwd: folder,
    encoding: 'utf8',
    // Else the runner of this test would take the inner one for a file of its own.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /^# pass 3$/m);
  const types = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '--noEmit'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(types.status, 0, types.stdout);
});

test('init writes nothing into a folder that holds something, or over a file', async (t) => {
  const folder = scratchFolder(t);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  const full = await runCli(t, ['init', folder]);
  assert.equal(full.code, 64);
  assert.match(
    full.stderr,
    /^ixt-module: [^\n]* is not empty: it has notes\.txt\n {2}Nothing was written\. [^\n]*\n$/,
  );
  assert.deepEqual(readdirSync(folder), ['notes.txt']);
  const file = await runCli(t, ['init', join(folder, 'notes.txt')]);
  assert.equal(file.code, 64);
  assert.match(file.stderr, /^ixt-module: [^\n]*notes\.txt is a file\n/);
});
