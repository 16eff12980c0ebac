import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { scratchFolder } from '../process/cli-helpers.ts';

const HOSTS = join(import.meta.dirname, '../../examples/hosts');
const MODULE = [...built.serve('conformance'), '--workers', '2'];

/** What a host in any language says of the conformance module. */
const USES = [
  'initialized: conformance',
  'received: 4000 chunks',
  'sent: 4000000 bytes',
  'cancelled: code 1, cancelled by the host: no longer needed',
  'too late: code 2, the deadline has passed',
  'asked: TEXT; code 4, no service lower',
  'drained: 8 bytes, exit code 0',
];

function run(command: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const [program = '', ...args] = command;
  // For a hang: nothing here takes long but the start of the module.
  return spawnSync(program, args, { encoding: 'utf8', timeout: 120_000 });
}

test('the host in C++ is built from the schemas and uses a module in every way', (t) => {
  const folder = scratchFolder(t);
  const made = run([
    'make',
    '-C',
    join(HOSTS, 'cpp'),
    `BUILD=${folder}`,
    'CXXFLAGS=-O1 -Wall -Wextra -Werror',
  ]);
  assert.equal(made.status, 0, made.stderr);
  const host = join(folder, 'host');
  const { status, stdout, stderr } = run([host, ...MODULE]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.trimEnd().split('\n'), USES);

  const gone = run([host, 'false']);
  assert.equal(gone.status, 1);
  assert.equal(gone.stderr, 'host: the module has ended\n');
});

test('the host in TypeScript uses a module in every way, with capnp-es and the schema alone', () => {
  const host = [process.execPath, '--import', 'tsx', join(HOSTS, 'typescript/main.ts')];
  const { status, stdout, stderr } = run([...host, ...MODULE]);
  assert.equal(status, 0, stderr);
  const lines = stdout.trimEnd().split('\n');
  assert.deepEqual(lines, USES.toSpliced(1, 0, 'handled: a question'));

  const gone = run([...host, 'false']);
  assert.equal(gone.status, 1);
  assert.match(gone.stderr, /ModuleError: the module has ended/);
});

test('a host in either language is under 400 lines, and the one in TypeScript has nothing else of ours', () => {
  for (const [folder, source] of [
    ['cpp', /\.(h|c\+\+)$/],
    ['typescript', /\.ts$/],
  ] as const) {
    const names = readdirSync(join(HOSTS, folder)).filter((name) => source.test(name));
    const texts = names.map((name) => readFileSync(join(HOSTS, folder, name), 'utf8'));
    const lines = texts.join('').split('\n').length - 1;
    assert.ok(lines > 0 && lines < 400, `${folder}: ${lines} lines`);
    if (folder === 'cpp') continue;
    for (const [, from = ''] of texts.join('').matchAll(/ from '([^']+)'/g)) {
      assert.match(from, /^(node:|capnp-es$|\.\/|\.\.\/\.\.\/\.\.\/schema\/generated\/)/);
    }
  }
});
