import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { launcherPrefix } from '../../src/host/runner-command.ts';
import { serveArgs } from '../../src/base/package-files.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { COMMAND, CONFORMANCE, scratchFolder } from './cli-helpers.ts';
import { onMain } from './preload.ts';

test('the command serves a module, and what a handler prints to descriptor 1 stays off the protocol', async (t) => {
  let stderr = '';
  const module = startModule(t, {
    command: [COMMAND, 'serve', CONFORMANCE, '--workers', '1'],
    onStderr: (text) => (stderr += text),
  });
  assert.equal((await module.initialize()).moduleName, 'conformance');
  const stream = module.openStream('print', { metadata: { how: 'fd' } });
  const { value } = await stream.next();
  assert.equal(Buffer.from(value ?? []).toString(), 'done');
  await stream.closed;
  const { code } = await module.close();
  assert.deepEqual([code, stderr], [0, 'stray output\n']);
});

test('serve makes no Intl object as it starts, because the first one costs 30 ms', async (t) => {
  const module = startModule(t, {
    command: [COMMAND, 'serve', CONFORMANCE, '--workers', '1'],
    env: {
      ...process.env,
      ...onMain(`Intl.NumberFormat = Intl.DateTimeFormat = Intl.Collator = undefined;`),
    },
  });
  assert.equal((await module.initialize()).moduleName, 'conformance');
});

const PACKAGE = dirname(dirname(COMMAND));

/** Ways to start the command, by the path of its file: a person's, npm's, and that of Yarn, which runs all with Node. */
const STARTS: readonly [how: string, command: (t: TestContext) => [string, ...string[]]][] = [
  ['by sh', () => ['sh', COMMAND]],
  ['by node', () => [process.execPath, COMMAND]],
  ['by sh through a link', (t) => ['sh', linked(t)]],
  ['by node through a link', (t) => [process.execPath, linked(t)]],
  ['by sh, from a path with a space and more', (t) => ['sh', copied(t)]],
  ['by node, from a path with a space and more', (t) => [process.execPath, copied(t)]],
];

function linked(t: TestContext): string {
  const link = join(scratchFolder(t), 'ixt-module');
  symlinkSync(COMMAND, link);
  return link;
}

function copied(t: TestContext): string {
  const folder = join(scratchFolder(t), "it's ünder $HOME");
  for (const part of ['bin', 'dist', 'package.json']) {
    cpSync(join(PACKAGE, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(PACKAGE, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'bin/ixt-module');
}

for (const [how, command] of STARTS) {
  test(`started ${how}, prints stay off the protocol, and SIGTERM ends it as it does otherwise`, async (t) => {
    let stderr = '';
    const module = startModule(t, {
      command: [...command(t), 'serve', CONFORMANCE, '--workers', '1'],
      onStderr: (text) => (stderr += text),
    });
    const stream = module.openStream('print', { metadata: { how: 'fd' } });
    const { value } = await stream.next();
    assert.equal(Buffer.from(value ?? []).toString(), 'done');
    await stream.closed;
    module.kill('SIGTERM');
    const { code } = await module.exited;
    assert.deepEqual([code, stderr], [143, 'stray output\n']);
  });
}

test('started by node, the other commands work as well, and their mistakes end with 64', () => {
  const run = (...args: readonly string[]): unknown[] => {
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' });
    return [status, stdout.split('\n')[0]];
  };
  assert.deepEqual(run('call', CONFORMANCE, 'sink'), [0, '\0'.repeat(8)]);
  assert.deepEqual(run('serve', '--help'), [0, 'Usage: ixt-module serve [options] <file>']);
  assert.deepEqual(run('serve', 'x.js', '--descriptors', '3'), [64, '']);
  assert.deepEqual(run('serve'), [64, '']);
});

for (const [what, args, message] of [
  ['nothing to do', [], /Usage: ixt-module/],
  ['an unknown command', ['sevre', 'x.js'], /unknown command 'sevre'[^]*serve/],
  ['no file', ['serve'], /missing required argument 'file'/],
  ['two files', ['serve', 'x.js', 'y.js'], /too many arguments/],
  ['a bad number', ['serve', 'x.js', '--workers', 'many'], /'--workers <n>'.*'many'.*from 1 to 1024/],
  [
    'more streams than there is memory for',
    ['serve', 'x.js', '--workers', '1024', '--streams-per-worker', '65536'],
    /67,108,864 streams at once, and the most is 1,048,576/,
  ],
  ['a bad descriptor', ['serve', 'x.js', '--descriptors', '3'], /two numbers, like 3,4; not '3'/],
  ['closed descriptors', ['serve', 'x.js', '--descriptors', '3,4'], /descriptor 3 .* is not open/],
] as const) {
  test(`a command line with ${what} ends with 64, a message, and nothing on the wire`, () => {
    const { status, stdout, stderr } = spawnSync(COMMAND, args, { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [64, '']);
    assert.match(stderr, message);
  });
}

/** Before a command, it puts the protocol on descriptors of its own. */
const LAUNCHER = launcherPrefix()
  .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
  .join(' ');

for (const [closed, redirection] of [
  ['standard input', '<&-'],
  ['standard output', '>&-'],
  ['standard input', '<&- >&-'],
] as const) {
  test(`started with ${redirection}, serve and the launcher say in a line that ${closed} is closed, and end with 64`, () => {
    for (const command of [`'${COMMAND}' serve '${CONFORMANCE}'`, `${LAUNCHER} true`]) {
      const { status, stderr } = spawnSync('sh', ['-c', `${command} ${redirection}`], { encoding: 'utf8' });
      assert.equal(status, 64);
      assert.match(stderr, new RegExp(`^ixt-\\w+: ${closed} is closed: .*\n$`));
      const silent = spawnSync('sh', ['-c', `${command} ${redirection} 2>&-`], { encoding: 'utf8' });
      assert.deepEqual([silent.status, silent.stderr], [64, '']);
    }
  });
}

test('serve and the launcher let the C library keep memory for the next large chunk, as the environment wants it', (t) => {
  const file = join(scratchFolder(t), 'tells.mjs');
  writeFileSync(
    file,
    `import { writeSync } from 'node:fs';
const { MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ } = process.env;
writeSync(2, [MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_].join(' '));
export default { name: 'tells', version: '1.0.0', onServerStream: { *none() {} } };
`,
  );
  for (const command of [
    `'${COMMAND}' serve '${file}' --workers 1`,
    `${LAUNCHER} '${process.execPath}' '${file}'`,
  ]) {
    const { MALLOC_MMAP_THRESHOLD_: _mmap, MALLOC_TRIM_THRESHOLD_: _trim, ...env } = process.env;
    const told = (set: NodeJS.ProcessEnv): string =>
      spawnSync('sh', ['-c', `${command} </dev/null`], { encoding: 'utf8', env: { ...env, ...set } }).stderr;
    assert.equal(told({}), '4194304 16777216');
    assert.equal(told({ MALLOC_TRIM_THRESHOLD_: '131072' }), '4194304 131072');
  }
});

test('serve works without a standard error', async (t) => {
  const module = startModule(t, { command: ['sh', '-c', `exec '${COMMAND}' serve '${CONFORMANCE}' 2>&-`] });
  const stream = module.openStream('print', { metadata: { how: 'fd' } });
  const { value } = await stream.next();
  assert.equal(Buffer.from(value ?? []).toString(), 'done');
  await stream.closed;
  assert.equal((await module.close()).code, 0);
});

test('help goes to standard output and ends with 0', () => {
  const { status, stdout } = spawnSync(COMMAND, ['serve', '--help'], { encoding: 'utf8' });
  assert.equal(status, 0);
  assert.match(stdout, /--cancel-grace-ms/);
});

for (const [which, redirection] of [
  ['standard input', '>/dev/null'],
  ['standard output', '</dev/null'],
] as const) {
  test(`started with a terminal as its ${which}, serve says what it is for and ends with 64`, () => {
    const { status, stdout } = onTerminal(`'${COMMAND}' serve '${CONFORMANCE}' ${redirection}`);
    assert.equal(status, 64);
    assert.match(stdout, /serve is what a host starts[^]*ixt-module call FILE METHOD/);
  });
}

for (const [how, command] of [
  ['the command', [COMMAND, 'serve', built.fixture('young')]],
  ['the host kit', undefined],
] as const) {
  test(`started by ${how}, main's young generation stays small, and a worker's has the room it needs`, async (t) => {
    const file = built.fixture('young');
    const module = startModule(t, command === undefined ? { file } : { command: [...command] });
    const { value } = await module.openStream('size').next();
    const young = JSON.parse(Buffer.from(value ?? []).toString()) as { bytes: number; flags: string[] };
    assert.ok(
      serveArgs.every((flag) => young.flags.includes(flag)),
      `${young.flags.join(' ')}`,
    );
    // Both halves of what main is held to.
    assert.ok(young.bytes > 2 * (2 << 20), `${young.bytes} bytes`);
  });
}

/** Runs a shell command on a terminal of its own, with `script`, whose arguments differ from system to system. */
function onTerminal(command: string): { status: number | null; stdout: string } {
  const args =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', '/bin/sh', '-c', command]
      : ['-qec', command, '/dev/null'];
  const { status, stdout } = spawnSync('script', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { status, stdout };
}
