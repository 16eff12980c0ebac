import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { built } from '../support/built.ts';
import { COMMAND, CONFORMANCE } from './cli-helpers.ts';
import { sourceFixture } from './helpers.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function start(t: TestContext, args: readonly string[], command = COMMAND): ChildProcessWithoutNullStreams {
  const child = spawn(command, args);
  t.after(() => child.kill('SIGKILL'));
  // A call that ends before it has read its input.
  child.stdin.on('error', () => undefined);
  return child;
}

async function end(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const [stdout, stderr, [code]] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** Runs `ixt-module call` on the conformance module with `input` on its standard input. */
function call(t: TestContext, args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Ended> {
  const child = start(t, ['call', CONFORMANCE, ...args]);
  child.stdin.end(input);
  return end(child);
}

/** The unary `echo` of the conformance module. */
function callUnary(t: TestContext): Promise<Ended> {
  return call(t, ['echo', '--unary'], Buffer.from('body'));
}

function jsonLines(stdout: Buffer): unknown[] {
  return stdout
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

function scratchFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-cli-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a megabyte goes from standard input through a stream to standard output, whole', async (t) => {
  const input = randomBytes(1_000_000);
  const { code, stdout, stderr } = await call(t, ['echo'], input);
  assert.deepEqual([code, stderr], [0, '']);
  assert.ok(stdout.equals(input));
});

test('files take the place of standard input and output', async (t) => {
  const folder = scratchFolder(t);
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  const input = randomBytes(200_000);
  writeFileSync(from, input);
  const { code, stdout, stderr } = await call(t, ['echo', '--in', from, '--out', to]);
  assert.deepEqual([code, stdout.length, stderr], [0, 0, '']);
  assert.ok(readFileSync(to).equals(input));
});

for (const [what, args] of [
  ['fails behind some of its output', [built.fixture('throwing'), 'after-data']],
  ['fails at once', [CONFORMANCE, 'fail']],
  ['can’t begin', ['nowhere.js', 'echo']],
] as const) {
  test(`a call that ${what} leaves its output file as it was, and nothing beside it`, async (t) => {
    const folder = scratchFolder(t);
    const out = join(folder, 'out');
    writeFileSync(out, 'before', { mode: 0o640 });
    const child = start(t, ['call', ...args, '--out', out]);
    child.stdin.end();
    assert.notEqual((await end(child)).code, 0);
    assert.deepEqual([readFileSync(out, 'utf8'), readdirSync(folder)], ['before', ['out']]);
    // One that works replaces it, with its mode, also where a link leads to it.
    symlinkSync(out, join(folder, 'link'));
    assert.equal((await call(t, ['echo', '--out', join(folder, 'link')], Buffer.from('after'))).code, 0);
    assert.deepEqual([readFileSync(out, 'utf8'), statSync(out).mode & 0o777], ['after', 0o640]);
    assert.deepEqual(readdirSync(folder).toSorted(), ['link', 'out']);
  });
}

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGKILL', null],
] as const) {
  test(`a call that ${signal} ends leaves its output file as it was`, async (t) => {
    const folder = scratchFolder(t);
    const out = join(folder, 'out');
    writeFileSync(out, 'before');
    const child = start(t, [
      'call',
      CONFORMANCE,
      'source',
      '-m',
      'count=1000000000',
      'size=65536',
      '-o',
      out,
    ]);
    const exited = once(child, 'exit');
    await beginsToGrow(folder, 'out');
    child.kill(signal);
    assert.equal(((await exited) as [number | null])[0], exitCode);
    assert.equal(readFileSync(out, 'utf8'), 'before');
    if (signal === 'SIGINT') assert.deepEqual(readdirSync(folder), ['out']);
  });
}

test('an output that is no file of its own gets what is sent as it comes', async (t) => {
  const folder = scratchFolder(t);
  const piped = await call(t, ['echo', '--out', '/dev/stdout'], Buffer.from('to a pipe'));
  assert.deepEqual([piped.code, piped.stdout.toString()], [0, 'to a pipe']);
  assert.equal((await call(t, ['echo', '--out', '/dev/null'], Buffer.from('x'))).code, 0);
  // Whoever started the command holds the file open that /dev/stdout leads to, as behind the > of a shell.
  const file = join(folder, 'file');
  const descriptor = openSync(file, 'w+');
  t.after(() => closeSync(descriptor));
  const child = spawn(
    COMMAND,
    ['call', CONFORMANCE, 'source', '-m', 'count=1', 'size=8', '--out', '/dev/stdout'],
    {
      stdio: ['ignore', descriptor, 'inherit'],
    },
  );
  t.after(() => child.kill('SIGKILL'));
  assert.equal(((await once(child, 'close')) as [number])[0], 0);
  assert.deepEqual([fstatSync(descriptor).size, readdirSync(folder)], [8, ['file']]);
});

/** Settles when there is another file than `known` in `folder`, with something in it. */
async function beginsToGrow(folder: string, known: string): Promise<void> {
  const hasGrown = (): boolean =>
    readdirSync(folder).some((name) => name !== known && statSync(join(folder, name)).size > 0);
  const events = watch(folder);
  while (!hasGrown()) await once(events, 'change');
  events.close();
}

test('the command finds its package through links, as npm makes them', async (t) => {
  const folder = scratchFolder(t);
  const link = join(folder, 'ixt-module');
  symlinkSync(COMMAND, join(folder, 'first link'));
  symlinkSync('first link', link);
  const child = start(t, ['call', CONFORMANCE, 'sink'], link);
  child.stdin.end('12345');
  const { code, stdout, stderr } = await end(child);
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout.readBigUInt64LE(), 5n);
});

test('metadata may be one option or several, and reaches the handler', async (t) => {
  const { stdout } = await call(t, ['context', '-m', 'a=1', 'b=x=y', '--metadata', 'c=']);
  const context = JSON.parse(stdout.toString()) as { method: string; metadata: unknown };
  assert.equal(context.method, 'context');
  assert.deepEqual(context.metadata, { a: '1', b: 'x=y', c: '' });
});

test('a stream that fails prints where, its code and message, and ends with 1', async (t) => {
  const { code, stdout, stderr } = await call(t, ['fail']);
  assert.deepEqual([code, stdout.length], [1, 0]);
  // The module's own line comes first.
  assert.match(stderr, /^\{[^\n]*"stack":"ModuleError: boom[^\n]*\}\nhandlerFailed: boom\n$/);
});

test('a deadline ends a handler that computes', async (t) => {
  const { code, stderr } = await call(t, ['spin', '-m', 'ms=60000', '--deadline', '50']);
  assert.equal(code, 1);
  assert.match(stderr, /^deadlineExceeded: /);
});

test('what the module prints passes through to standard error', async (t) => {
  const { code, stdout, stderr } = await call(t, ['print', '-m', 'how=fd']);
  assert.deepEqual([code, stdout.toString(), stderr], [0, 'done', 'stray output\n']);
});

test('a module that can not be loaded says why once, without a stack, and the call ends with 78', async (t) => {
  const child = start(t, ['call', sourceFixture('broken/throws.ts'), 'echo']);
  child.stdin.end();
  const { code, stdout, stderr } = await end(child);
  assert.deepEqual([code, stdout.length], [78, 0]);
  assert.match(stderr, /^ixt-module: [^\n]*throws\.ts could not be loaded: thrown while loading[^\n]*\n$/);
});

test('a method that is not there is refused with the names of those that are', async (t) => {
  const { code, stderr } = await call(t, ['eco']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^methodNotFound: [^\n]*'eco'\n {2}conformance has the stream methods echo, echo-async, [^\n]*\n$/,
  );
});

test('a stream on a module that has none points at --unary, and with it the request is answered', async (t) => {
  const file = sourceFixture('unary-only.ts');
  const stream = start(t, ['call', file, 'echo']);
  stream.stdin.end();
  assert.match((await end(stream)).stderr, /^streamingUnsupported: [^]*--unary/);
  const unary = await callUnary(t);
  assert.deepEqual([unary.code, unary.stdout.toString(), unary.stderr], [0, 'body', '']);
});

test('cancel-after cancels a handler that never ends by itself', async (t) => {
  const { code, stderr } = await call(t, ['hang', '--cancel-after', '10']);
  assert.equal(code, 1);
  assert.match(stderr, /^cancelled: [^\n]*the caller cancelled\n$/);
});

test('with a small credit all of an answer arrives all the same', async (t) => {
  const input = randomBytes(100_000);
  const { code, stdout } = await call(t, ['echo', '--credit', '100'], input);
  assert.equal(code, 0);
  assert.ok(stdout.equals(input));
});

test('repeated calls answer one after the other, whatever their concurrency, and their sum is told', async (t) => {
  const { code, stdout, stderr } = await call(t, [
    ...['source', '-m', 'count=20', 'size=8', '--repeat', '6', '--concurrency', '3'],
  ]);
  assert.equal(code, 0);
  const numbers = Array.from({ length: stdout.length / 8 }, (_, at) =>
    Number(stdout.readBigUInt64LE(at * 8)),
  );
  const once = Array.from({ length: 20 }, (_, at) => at);
  assert.deepEqual(numbers, [...once, ...once, ...once, ...once, ...once, ...once]);
  assert.match(stderr, /^source: 6 of 6 calls, .* 120 frames \(960 B\) received, .* frames\/s\n$/);
});

test('repeated calls that fail are told once, with how many they were', async (t) => {
  const { code, stderr } = await call(t, ['fail', '--repeat', '3']);
  assert.equal(code, 1);
  assert.match(stderr, /^3 × handlerFailed: boom\nfail: 3 of 3 calls/m);
});

test('as JSON each frame is a line and so is each end', async (t) => {
  const { code, stdout } = await call(t, ['echo', '--json'], Buffer.from([0xff, 0x00]));
  assert.equal(code, 0);
  const [data, ending, ...more] = jsonLines(stdout);
  assert.deepEqual([data, more], [{ call: 0, base64: '/wA=' }, []]);
  assert.equal((ending as { end: string }).end, 'close');
  const failed = await call(t, ['fail', '--json']);
  const [failure] = jsonLines(failed.stdout);
  assert.deepEqual(
    { ...(failure as object), ms: 0 },
    { call: 0, end: 'handlerFailed', message: 'boom', ms: 0 },
  );
});

test('a call ends with its stream, although standard input stays open', async (t) => {
  const child = start(t, ['call', CONFORMANCE, 'source', '-m', 'count=3', 'size=8']);
  const { code, stdout } = await end(child);
  assert.equal(code, 0);
  assert.deepEqual(
    [0, 8, 16].map((at) => stdout.readBigUInt64LE(at)),
    [0n, 1n, 2n],
  );
});

test('a reader that goes away ends the call quietly', async (t) => {
  const child = start(t, ['call', CONFORMANCE, 'source', '-m', 'count=1000000', 'size=65536']);
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  const [stderr, [code]] = await Promise.all([
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  assert.deepEqual([code, stderr], [0, '']);
});

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} cancels the stream, also while nobody reads its output`, async (t) => {
    const child = start(t, ['call', CONFORMANCE, 'source', '-m', 'count=1000000', 'size=65536']);
    const exited = once(child, 'exit');
    await once(child.stdout, 'readable');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    child.stdout.destroy();
    assert.deepEqual([code, await text(child.stderr)], [exitCode, '']);
  });
}

for (const [what, args, message] of [
  ['no method', ['x.js'], /missing required argument 'method'/],
  ['a metadata without =', ['x.js', 'm', '-m', 'key'], /'key' is invalid\. It takes key=value/],
  ['an input that is missing', ['x.js', 'm', '--in', '/nonexistent/in'], /ENOENT.*\/nonexistent\/in/],
  ['an output that can not be', ['x.js', 'm', '--out', '/nonexistent/out'], /ENOENT.*\/nonexistent\/out/],
  ['workers that are none', ['x.js', 'm', '--workers', '0'], /whole number from 1 to 1024/],
  ['an unknown option', ['x.js', 'm', '--metdata', 'a=b'], /unknown option '--metdata'/],
] as const) {
  test(`call with ${what} ends with 64 and says so`, async (t) => {
    const child = start(t, ['call', ...args]);
    child.stdin.end();
    const { code, stdout, stderr } = await end(child);
    assert.deepEqual([code, stdout.length], [64, 0]);
    assert.match(stderr, message);
  });
}
