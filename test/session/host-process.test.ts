import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { spawnModule } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';

const child = fileURLToPath(new URL('./echo-child.ts', import.meta.url));
const echo: [string, ...string[]] = [process.execPath, '--import', import.meta.resolve('tsx'), child];

for (const transport of ['socket', 'pipe'] as const) {
  test(`streams go through a child over its ${transport}s, large frames too, and close() ends it`, async (t) => {
    const module = startModule(t, { command: echo, transport });
    const sizes = [1, 1_048_576, 0, 300_000];
    const stream = module.openStream('echo', { initialCredit: 1_000 });
    const sending = (async () => {
      for (const [index, size] of sizes.entries()) await stream.send(new Uint8Array(size).fill(index));
    })();
    for (const [index, size] of sizes.entries()) {
      const { value } = await stream.next();
      assert.equal(value?.length, size);
      assert.ok(value.every((byte) => byte === index));
    }
    await sending;
    stream.end();
    await stream.closed;
    const exit = await module.close();
    assert.deepEqual([exit.code, exit.signal], [0, null]);
    assert.equal(module.kill(), false);
  });
}

test('the folder of the pipes is gone as soon as the child is started', (t) => {
  const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('ixt-fifo-'));
  const before = folders();
  startModule(t, { command: echo, transport: 'pipe' });
  assert.deepEqual(
    folders().filter((name) => !before.includes(name)),
    [],
  );
});

for (const [method, how] of [
  ['die', /exited with code 9[^]*the last word/],
  ['kill', /ended by SIGKILL/],
  ['silence', /closed its output but still runs/],
] as const) {
  test(`when the child ends by '${method}', what is pending fails and the message says how`, async (t) => {
    const module = startModule(t, { command: echo, transport: 'pipe' });
    const stream = module.openStream(method);
    await assert.rejects(stream.closed, { code: 'unavailable', message: how });
    await assert.rejects(module.health(), { code: 'unavailable', message: how });
  });
}

test('a command that can not be started fails the calls and settles `exited`', async (t) => {
  const module = startModule(t, { command: ['/nonexistent/program'] });
  await assert.rejects(module.openStream('m').closed, {
    code: 'unavailable',
    message: /could not be started[^]*ENOENT/,
  });
  const { code, signal } = await module.exited;
  assert.deepEqual([code, signal], [null, null]);
  assert.equal(module.pid, undefined);
});

test('sends wait while a child does not read, although there is credit, and go on when it does', async (t) => {
  const script = 'trap "exec cat >/dev/null" USR1; echo ready >&2; while :; do sleep 0.05; done';
  let onReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => (onReady = resolve));
  const module = startModule(t, { command: ['/bin/sh', '-c', script], onStderr: () => onReady() });
  const frame = new Uint8Array(1_048_576);
  const [first, second] = [module.openStream('m'), module.openStream('m')];
  // With its header it is more than the 1 MiB that may be queued.
  assert.equal(first.trySend(frame), true);
  assert.equal(second.trySend(frame), false);
  const waiting = second.send(frame);
  await ready;
  module.kill('SIGUSR1');
  await waiting;
});

test('stderr is read as it comes and its tail is kept', async (t) => {
  let text = '';
  const module = startModule(t, {
    command: ['/bin/sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" x >&2; echo "$GREETING" >&2'],
    env: { GREETING: 'hello' },
    onStderr: (piece) => (text += piece),
  });
  const { code, stderr } = await module.exited;
  assert.equal(code, 0);
  assert.equal(text.length, 300_006);
  assert.equal(stderr.length, 65_536);
  assert.ok(stderr.endsWith('xhello\n'));
});

test('an exit is seen although a grandchild keeps the output open', async (t) => {
  const module = startModule(t, { command: ['/bin/sh', '-c', 'sleep 30 & echo $! >&2; exit 3'] });
  const { code, stderr } = await module.exited;
  try {
    assert.equal(code, 3);
    await assert.rejects(module.health(), { code: 'unavailable', message: /code 3/ });
  } finally {
    process.kill(Number(stderr));
  }
});

test('the launcher moves the protocol to descriptors 3 and 4, and prints to stderr', async (t) => {
  const script = 'echo stray; cat <&3 >&4; cat; echo "end of input" >&2';
  const module = startModule(t, {
    command: ['/bin/sh', '-c', script],
    launcher: true,
    violations: 'allowed',
  });
  module.session.notifyKv({ key: 'k', operation: 'delete' });
  module.endInput();
  const exit = await module.exited;
  // What came back is the host's own message, which no module may send.
  assert.deepEqual(
    module.session.violations.map(({ kind }) => kind),
    ['wrongDirection'],
  );
  assert.deepEqual([exit.code, exit.stderr], [0, 'stray\nend of input\n']);
});

test('a module needs a file or a command', () => {
  assert.throws(() => spawnModule({}), TypeError);
});
