import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMAND, CONFORMANCE, runCli, scratchFolder } from './cli-helpers.ts';
import { sourceFixture } from './helpers.ts';
import { spawnSync } from 'node:child_process';

test('describe says what a module offers, for a person and as JSON', async (t) => {
  const [text, json] = await Promise.all([
    runCli(t, ['describe', CONFORMANCE]),
    runCli(t, ['describe', CONFORMANCE, '--json']),
  ]);
  assert.deepEqual([text.code, text.stderr], [0, '']);
  assert.match(text.stdout, /^conformance 1\.0\.0\n {2}streams +echo, echo-async, /);
  const { moduleName, methods } = JSON.parse(json.stdout) as { moduleName: string; methods: string[] };
  assert.deepEqual([moduleName, methods.includes('sha256')], ['conformance', true]);
});

/** A newcomer's mistakes: the whole of what is said, in one message with what to do. */
const MISTAKES: readonly [what: string, file: string, message: RegExp][] = [
  [
    'a path that is wrong by its ending',
    sourceFixture('conformance.js'),
    /^ixt-module: there is no file [^\n]*\n {2}Did you mean [^\n]*conformance\.ts\?\n$/,
  ],
  [
    'a path to nowhere',
    '/nonexistent/x.ts',
    /^ixt-module: there is no file \/nonexistent\/x\.ts\n {2}There is no folder \/nonexistent either[^\n]*\n$/,
  ],
  [
    'a folder',
    sourceFixture('broken'),
    /^ixt-module: [^\n]*broken is not a file\n {2}Give the path of [^\n]*\n$/,
  ],
  [
    'no default export',
    sourceFixture('broken/no-default-export.ts'),
    /^ixt-module: [^\n]*no default export; it needs: export default defineModule\([^\n]*\n$/,
  ],
  [
    'a handler of the wrong shape',
    sourceFixture('broken/wrong-handler.ts'),
    /^ixt-module: [^\n]*'echo' that is no function; write \*echo\(stream\)[^\n]*\n$/,
  ],
  [
    'a syntax error',
    sourceFixture('broken/syntax-error.js'),
    /^ixt-module: [^\n]*SyntaxError: [^\n]*\n {2}[^\n]*syntax-error\.js:\d+\n/,
  ],
  [
    'an import of what is missing',
    sourceFixture('broken/missing-import.ts'),
    /^ixt-module: [^\n]*Cannot find module [^\n]*not-there\.ts[^\n]*\n$/,
  ],
];

for (const [what, file, message] of MISTAKES) {
  test(`${what} gets one message, with what to do and without a stack`, async (t) => {
    const { code, stdout, stderr } = await runCli(t, ['describe', file]);
    assert.deepEqual([code, stdout], [78, '']);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at |node:internal/);
  });
}

test('a TypeScript module loads whatever its package.json says of its kind', async (t) => {
  const text = "export default { name: 'x', version: '1', onHandle: (): Uint8Array => new Uint8Array(0) };\n";
  for (const manifest of ['{}', '{ "type": "module" }', '{ "type": "commonjs" }']) {
    const folder = scratchFolder(t);
    writeFileSync(join(folder, 'package.json'), manifest);
    writeFileSync(join(folder, 'module.ts'), text);
    const { code, stderr } = await runCli(t, ['describe', join(folder, 'module.ts')]);
    assert.deepEqual([code, stderr], [0, ''], manifest);
  }
});

test('a syntax error in TypeScript is one line with the place', async (t) => {
  const file = join(scratchFolder(t), 'bad.ts');
  writeFileSync(file, 'export default {\n  name: ;\n};\n');
  const { code, stderr } = await runCli(t, ['describe', file]);
  assert.equal(code, 78);
  assert.match(stderr, /^ixt-module: [^\n]*bad\.ts:2:\d+: ERROR: [^\n]*\n$/);
  assert.doesNotMatch(stderr, /\\u000a/);
});

test('a Node that is too old is told so before anything else', () => {
  // As an older one would say of itself.
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } })`;
  const { status, stdout, stderr } = spawnSync(COMMAND, ['describe', CONFORMANCE], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(pretend)}"` },
  });
  assert.deepEqual([status, stdout], [78, '']);
  assert.match(
    stderr,
    /^ixt-module: this Node is 18\.20\.8, and the package needs 20 or newer\n {2}Install [^\n]*\n$/,
  );
});

test('every command has help with an example', async (t) => {
  const { code, stdout } = await runCli(t, ['--help']);
  assert.equal(code, 0);
  assert.match(stdout, /Examples:\n/);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) \[options\]|^ {2}(init) /gm)].map(([, a, b]) => a ?? b);
  assert.deepEqual(commands.sort(), [
    'bench',
    'call',
    'conform',
    'decode',
    'describe',
    'dev',
    'doctor',
    'init',
    'join',
    'nodes',
    'record',
    'replay',
    'serve',
    'view',
  ]);
  for (const help of await Promise.all(commands.map((name) => runCli(t, [name ?? '', '--help'])))) {
    assert.match(help.stdout, /Examples?:\n {2}\S*.*ixt-module/);
  }
});
