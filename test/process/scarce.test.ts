import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Stats } from '../../src/diagnostics.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';
import { finishEcho, LIMIT, runningEcho, within } from './helpers.ts';
import { onMain, preloading } from './preload.ts';

const NOTHING = new Uint8Array(0);

test(
  'a system that refuses every figure ends nothing: health says 0, and the figures come without it',
  LIMIT,
  async (t) => {
    const env = preloading(`
    import process from 'node:process';
    import perf from 'node:perf_hooks';
    import { syncBuiltinESMExports } from 'node:module';
    const refuse = () => { throw new Error('the system does not say'); };
    process.memoryUsage = Object.assign(refuse, { rss: refuse });
    for (const name of ['cpuUsage', 'threadCpuUsage', 'uptime', 'resourceUsage']) process[name] = refuse;
    perf.monitorEventLoopDelay = refuse;
    syncBuiltinESMExports();
    Object.defineProperty(process, 'ppid', { get: refuse });`);
    const module = startModule(t, { workers: 1, env, args: ['--stats-ms', '50'] });
    assert.equal((await module.health()).rssBytes, 0);
    await finishEcho(await runningEcho(module));
    const { code, stderr } = await module.close();
    assert.equal(code, 0);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { stats: Stats });
    assert.equal(lines.at(-1)?.stats.opened, 1);
    assert.equal(lines.at(-1)?.stats.mainDelay, undefined);
  },
);

test(
  'a handler that takes every descriptor hurts neither health, figures nor the other streams',
  LIMIT,
  async (t) => {
    const [shell, ...serve] = built.serve('scarce');
    const limited = ['/bin/sh', '-c', 'ulimit -n 200; exec "$@"', 'sh', shell, ...serve] as const;
    const module = startModule(t, { command: [...limited, '--workers', '2', '--stats-ms', '20'] });
    const neighbour = await runningEcho(module);
    const leak = module.openStream('leak');
    assert.equal(Buffer.from((await leak.next()).value ?? NOTHING).toString(), 'EMFILE');
    const { status, rssBytes } = await module.health();
    assert.deepEqual([status, typeof rssBytes], ['serving', 'number']);
    await finishEcho(neighbour);
    leak.end();
    assert.deepEqual(await leak.next(), { done: true, value: undefined });
    assert.ok((await module.health()).rssBytes > 0, 'it is told again');
    assert.equal((await module.close()).code, 0);
  },
);

test(
  'a native call that never returns keeps no process, where Node can’t be replaced and SIGKILL is refused or does nothing',
  LIMIT,
  async (t) => {
    for (const kill of ['() => true', '() => { throw new Error("EPERM"); }']) {
      const env = onMain(`process.execve = undefined; process.kill = ${kill};`);
      for (const end of ['shutdown', 'input', 'signals'] as const) {
        await t.test(`${end}, kill is ${kill}`, async (t) => {
          const module = startModule(t, {
            file: built.fixture('scarce'),
            workers: 1,
            env,
            args: ['--cancel-grace-ms', '100'],
          });
          const stuck = module.openStream('stuck');
          await stuck.next();
          stuck.closed.catch(() => {});
          if (end === 'shutdown') module.shutdown({ drainMs: 0 }).catch(() => {});
          else if (end === 'input') module.endInput();
          else {
            module.child?.kill('SIGTERM');
            // Two at once would be one to the kernel.
            while ((await module.health()).status !== 'draining');
            module.child?.kill('SIGTERM');
          }
          const { signal } = await within(3_000, module.exited);
          assert.match(String(signal), /^SIG(ABRT|SEGV|ILL|TRAP)$/);
        });
      }
    }
  },
);

test(
  'a host that closes its reading side ends the module with 74, though there is nothing to write',
  LIMIT,
  async (t) => {
    const module = startModule(t, { workers: 1 });
    await module.initialize();
    module.child?.stdout?.destroy();
    const { code, stderr } = await module.exited;
    assert.equal(code, 74);
    assert.match(stderr, /^ixt-module: the host can't be written to any more [^\n]+\n$/);
  },
);

test('an IPC channel of the host, whatever its descriptor, is no hindrance', LIMIT, async (t) => {
  for (const command of [
    built.serve('conformance'),
    [built.command, 'serve', built.fixture('conformance')],
  ]) {
    const [program = '', ...args] = command;
    for (const before of [0, 1, 2]) {
      const others = Array.from({ length: before }, () => 'ignore' as const);
      const child = spawn(program, [...args, '--workers', '1'], {
        stdio: ['pipe', 'pipe', 'pipe', ...others, 'ipc'],
      });
      t.after(() => child.kill('SIGKILL'));
      child.stdin?.end();
      const said = child.stderr === null ? '' : await text(child.stderr);
      const [code] = child.exitCode === null ? ((await once(child, 'exit')) as [number]) : [child.exitCode];
      assert.deepEqual([code, said], [0, ''], `descriptor ${3 + before}`);
    }
  }
});

test(
  'descriptors that can’t be used end the process with one clear line, also when its threads have started',
  LIMIT,
  async (t) => {
    const main = built.serve('conformance').slice(2, -2) as [string, ...string[]];
    const run = async (
      descriptors: string,
      stdio: ('pipe' | 'ipc' | 'ignore')[],
    ): Promise<[number | null, string]> => {
      const [program, ...args] = main;
      const child = spawn(program, [...args, '--descriptors', descriptors, '--workers', '2'], { stdio });
      t.after(() => child.kill('SIGKILL'));
      const exited = once(child, 'exit') as Promise<[number | null]>;
      const said = child.stderr === null ? '' : await text(child.stderr);
      return [(await exited)[0], said];
    };
    const cases = [
      ['3,4', ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'], 64, /descriptor 3, can't be used: .*EEXIST/],
      ['3,4', ['ignore', 'ignore', 'pipe', 'pipe', 'ipc'], 64, /descriptor 4, can't be used: .*EEXIST/],
      ['3,4', ['ignore', 'ignore', 'pipe'], 64, /descriptor 3 of --descriptors is not open/],
    ] as const;
    for (const [descriptors, stdio, code, line] of cases) {
      const [ended, said] = await run(descriptors, [...stdio]);
      assert.deepEqual([ended, said.trim().split('\n').length], [code, 1], said);
      assert.match(said, line);
    }
  },
);
