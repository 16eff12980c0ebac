import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { spawnModule } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { within } from '../process/helpers.ts';

const child = fileURLToPath(new URL('./echo-child.ts', import.meta.url));
const echo: [string, ...string[]] = [process.execPath, '--import', import.meta.resolve('tsx'), child];
const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

for (const transport of ['socket', 'pipe'] as const) {
  test(`a host without a free descriptor is told by the calls and \`exited\`, over ${transport}s`, async () => {
    const taken: number[] = [];
    let module: ReturnType<typeof spawnModule>;
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      module = spawnModule({ command: echo, transport });
    } finally {
      for (const fd of taken) closeSync(fd);
    }
    const [exit, again] = [await module.exited, await module.close()];
    assert.deepEqual([exit.code, exit.signal], [null, null]);
    assert.match(exit.stderr, /EMFILE|Too many open files|mkfifo/);
    assert.deepEqual(again, exit);
    await assert.rejects(module.openStream('echo').closed, { code: 'unavailable', started: false });
    await assert.rejects(module.health(), { code: 'unavailable', message: /could not be started/ });
    assert.equal(module.kill(), false);
  });
}

test('arguments that no process can take, and a folder that is none, fail the calls too', async (t) => {
  for (const options of [
    { args: ['x'.repeat(200_000)] },
    { args: ['nul\0byte'] },
    { cwd: '/dev/null' },
    { cwd: '/nonexistent' },
  ]) {
    const module = startModule(t, { command: echo, ...options });
    await assert.rejects(module.initialize(), { code: 'unavailable', started: false });
    assert.equal((await module.exited).code, null);
    await module.close({ drainMs: 0 });
  }
});

const GRANDCHILDREN = {
  'says nothing on all of them': 'sleep 60 &',
  'writes to standard output': '(while echo aaaaaaa; do sleep 0.02; done) &',
  'writes to standard error': '(while echo still here >&2; do sleep 0.02; done) &',
  'holds standard input': 'sleep 60 >/dev/null 2>&1 <&0 &',
};

for (const [what, grandchild] of Object.entries(GRANDCHILDREN)) {
  test(`a grandchild that has inherited the pipes and ${what} holds up neither close() nor the host`, async (t) => {
    const script = `${grandchild} echo "pid $!" >&2; exec sleep 0.3`;
    const module = startModule(t, {
      command: ['/bin/sh', '-c', script],
      violations: 'allowed',
      onStderr: (text) => {
        const pid = /pid (\d+)/.exec(text)?.[1];
        if (pid !== undefined) t.after(() => process.kill(Number(pid)));
      },
    });
    await within(5_000, module.close({ drainMs: 0 }));
    assert.equal(module.child?.stdout?.destroyed, true);
    assert.equal(module.child.stderr?.destroyed, true);
    assert.equal(module.child.stdin?.destroyed, true);
  });
}

test('a stopped child is killed within its drain and ten seconds, and close() may be called twice', async (t) => {
  const module = startModule(t, { command: ['/bin/sh', '-c', 'kill -STOP $$'] });
  const [first, second] = await within(10_000, Promise.all([module.close(), module.close({ drainMs: 0 })]));
  assert.equal(first.signal, 'SIGKILL');
  assert.deepEqual(second, first);
  assert.deepEqual(await module.close(), first);
});

test('a child that has closed its input but stays fails what is pending', async (t) => {
  const module = startModule(t, { command: ['/bin/sh', '-c', 'exec <&-; exec sleep 60'], transport: 'pipe' });
  // Until the child has closed its end the system takes what is written; a later call meets the closed end.
  const calls = [module.health()];
  const more = setInterval(() => calls.push(module.health()), 50);
  t.after(() => clearInterval(more));
  await assert.rejects(calls[0]!, { code: 'unavailable', message: /closed its input but still runs/ });
});

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

/** Runs a host of its own, from sources, and waits for its end. */
function runHost(source: string): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-host-'));
  const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', source];
  const host = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [host.stdout, host.stderr]) stream.on('data', (piece) => (text += String(piece)));
  return new Promise((resolve) => {
    host.once('close', (code) => {
      rmSync(folder, { recursive: true });
      resolve({ code, text });
    });
  });
}

const KIT = JSON.stringify(new URL('../../src/host/index.ts', import.meta.url).href);
const START = `
  import { spawnModule } from ${KIT};
  const module = spawnModule({ command: ${JSON.stringify(echo)} });
`;

test('a host that waits for nothing ends, whatever runs and is open', async () => {
  const { code, text } = await runHost(`${START}
    const stream = module.openStream('echo');
    await stream.send(new Uint8Array(8));
    await stream.next();
    process.on('exit', () => console.log('ended', module.child.exitCode));`);
  assert.deepEqual([code, text], [0, 'ended null\n']);
});

test('a host is held by what it waits for alone: an answer, an exit', async () => {
  const { code, text } = await runHost(`${START}
    const stream = module.openStream('echo');
    const answer = stream.next();
    setTimeout(() => stream.trySend(new Uint8Array(3)), 50).unref();
    console.log((await answer).value.length);
    module.endInput();
    console.log((await module.exited).code);`);
  assert.deepEqual([code, text], [0, '3\n0\n']);
});

test('no promise that nobody looks at ends the host when its module dies', async () => {
  const { code, text } = await runHost(`${START}
    const stream = module.openStream('echo');
    void stream.send(new Uint8Array(1_000_000));
    void stream.send(new Uint8Array(1));
    void [stream.next(), stream.closed, module.health(), module.request('m', new Uint8Array(1)), module.initialize()];
    void [module.shutdown({ drainMs: -1 }), module.close({ drainMs: -1 })];
    module.kill();
    await module.exited;
    void [stream.send(new Uint8Array(1)), stream.next(), module.health(), module.shutdown()];
    await module.close();
    console.log('lives');`);
  assert.deepEqual([code, text], [0, 'lives\n']);
});

test('what a handler prints comes out on the host’s standard error, and is in `exited`', async () => {
  const module = JSON.stringify(join(FIXTURES, 'hostile-names.ts'));
  const { text } = await runHost(`
    import { spawnModule } from ${KIT};
    const module = spawnModule({ file: ${module}, workers: 1 });
    const stream = module.openStream('print');
    stream.end();
    for await (const _ of stream);
    const { stderr } = await module.close();
    console.log(stderr.includes('StreamHandle'));`);
  assert.match(text, /StreamHandle[^]*true\n$/);
});
