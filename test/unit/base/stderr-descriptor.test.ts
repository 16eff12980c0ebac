import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** A process whose standard error is a socket, on a system without /proc; it says how many handles each turn opened. */
const CHILD = `
  import fs from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  import net from 'node:net';
  const { readFileSync } = fs;
  fs.readFileSync = (path, ...rest) => {
    if (String(path).startsWith('/proc/')) throw new Error('there is no /proc');
    return readFileSync(path, ...rest);
  };
  let opened = 0;
  net.Socket = class extends net.Socket {
    constructor(options) {
      super(options);
      if (options?.fd === 2) opened++;
    }
  };
  syncBuiltinESMExports();
  const { tryWriteStderr } = await import(process.argv[1]);
  const turns = [];
  for (let turn = 0; turn < 2; turn++) {
    opened = 0;
    for (let line = 0; line < 50; line++) tryWriteStderr('line\\n');
    turns.push(opened);
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(turns.join());
`;

test('where the system does not say how standard error stands, a turn of printing opens one handle', () => {
  const file = new URL('../../../src/base/stderr.ts', import.meta.url).href;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', CHILD, file];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.deepEqual([stdout, status], ['1,1\n', 0], stderr);
  assert.equal(stderr, 'line\n'.repeat(100));
});
