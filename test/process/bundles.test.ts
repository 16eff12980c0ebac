import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { buildSync } from 'esbuild';
import { COMMAND, CONFORMANCE } from './cli-helpers.ts';

const PACKAGE = dirname(dirname(COMMAND));

/** Prints what a stream of a module answers, or why not. */
const HOST = `
  import { spawnModule } from 'ixt-sdk/host';
  async function run() {
    const module = spawnModule({ file: process.argv[2], workers: 1 });
    const stream = module.openStream('context');
    stream.end();
    const { value } = await stream.next();
    await module.close();
    return JSON.parse(Buffer.from(value).toString()).method;
  }
  run().then(console.log, (error) => console.log(error.message));
`;

/** Starts real worker threads from the test kit, or prints why not. */
const KIT = `
  import { testModule } from 'ixt-sdk/testing';
  const module = { name: 'm', version: '1.0.0', *onServerStream() {} };
  testModule(module, { file: process.argv[2] }).then((t) => t.close()).then(() => console.log('works'), (error) => console.log(error.message));
`;

const MODULE = `
  import { defineModule } from 'ixt-sdk';
  export default defineModule({ name: 'bundled', version: '1.0.0', onServerStream: {
    *context(stream) { yield new TextEncoder().encode(JSON.stringify({ method: 'of the bundle' })); },
  } });
`;

type Format = 'esm' | 'cjs';

/** An empty folder in which programs can be made into one file each, with no package.json of theirs. */
function workshop(t: TestContext): { folder: string; bundle: (source: string, format: Format) => string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ixt-bundle-')));
  t.after(() => rmSync(folder, { recursive: true }));
  const bundle = (source: string, format: Format): string => {
    const outfile = join(folder, `program.${format === 'esm' ? 'mjs' : 'cjs'}`);
    buildSync({
      stdin: { contents: source, resolveDir: PACKAGE },
      ...{ outfile, format, bundle: true, platform: 'node', logLevel: 'silent' },
    });
    return outfile;
  };
  return { folder, bundle };
}

function run(program: string, file = CONFORMANCE): SpawnSyncReturns<string> {
  // What must never come back is ended: a bundle once looked for its package for ever.
  return spawnSync(process.execPath, [program, file], { encoding: 'utf8', timeout: 60_000 });
}

const LEAVE_OUT = /ixt-sdk has to stay external and be installed beside it \(esbuild: --external:ixt-sdk;/;

for (const format of ['esm', 'cjs'] as const) {
  test(`a host bundled to ${format} says what to leave external, or uses the package beside it`, (t) => {
    const { folder, bundle } = workshop(t);
    const program = bundle(HOST, format);
    assert.match(run(program).stdout, LEAVE_OUT);
    // As it is with a program's own, and with one that is no JSON.
    for (const list of ['{ "name": "app" }', '{']) {
      writeFileSync(join(folder, 'package.json'), list);
      assert.match(run(program).stdout, LEAVE_OUT);
    }
    rmSync(join(folder, 'package.json'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(PACKAGE, join(folder, 'node_modules/ixt-sdk'));
    assert.deepEqual([run(program).stdout, run(program).stderr], ['context\n', '']);
  });

  test(`a module bundled to ${format} runs, with nothing beside it`, (t) => {
    const { folder, bundle } = workshop(t);
    const host = join(folder, 'host.mjs');
    const url = JSON.stringify(join(PACKAGE, 'dist/src/host/index.js'));
    writeFileSync(host, HOST.replace("'ixt-sdk/host'", url));
    assert.equal(run(host, bundle(MODULE, format)).stdout, 'of the bundle\n');
  });
}

for (const format of ['esm', 'cjs'] as const) {
  test(`a test bundled to ${format} is told that worker threads need the package outside`, (t) => {
    const { stdout, stderr } = run(workshop(t).bundle(KIT, format));
    assert.match(stdout, LEAVE_OUT);
    assert.equal(stderr, '');
  });
}
