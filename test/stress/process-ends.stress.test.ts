import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { ModuleProcess } from '../../src/host/index.ts';
import { built } from '../support/built.ts';
import { startModule } from '../support/module.ts';

/** Rounds of the 15 combinations; 14 make 210 ends. */
const ROUNDS = Number(process.env['IXT_PROCESS_ENDS'] ?? 1);
const GRACE_MS = 300;
const DRAIN_MS = 300;
const HANDLERS = ['idle', 'hang', 'wait'] as const;

/** The ways to go, the exit codes that each allows (undefined: nobody is there to see), and the time it may take. */
const ENDS = {
  'stdin ends': { codes: [0], ms: GRACE_MS + 1_200, end: (module: ModuleProcess) => module.endInput() },
  'SIGTERM once': {
    codes: [143],
    ms: GRACE_MS + 1_200 + DRAIN_MS,
    end: (module: ModuleProcess) => module.kill('SIGTERM'),
  },
  'SIGTERM twice': {
    codes: [143],
    ms: GRACE_MS + 1_200,
    end: (module: ModuleProcess) => {
      module.kill('SIGTERM');
      setImmediate(() => module.kill('SIGTERM'));
    },
  },
  'stdout is gone': {
    codes: [74],
    ms: GRACE_MS + 1_200,
    end: (module: ModuleProcess) => {
      module.child?.stdout?.destroy();
      // Something must be written for the child to see it.
      module.health().catch(() => {});
    },
  },
} as const;

for (const handler of HANDLERS) {
  for (const [name, { codes, ms, end }] of Object.entries(ENDS)) {
    test(`${ROUNDS} × ${name} while the handlers are in ${handler}: the process is gone in time`, async (t) => {
      for (let round = 0; round < ROUNDS; round++) {
        const module = startModule(t, {
          workers: 2,
          args: ['--cancel-grace-ms', String(GRACE_MS), '--drain-ms', String(DRAIN_MS)],
          violations: 'allowed',
        });
        await module.initialize();
        await occupy(module, handler);
        const from = performance.now();
        end(module);
        const exit = await module.exited;
        assert.ok(
          (codes as readonly (number | null)[]).includes(exit.code),
          `exit ${exit.code} ${exit.signal}: ${exit.stderr}`,
        );
        assertInTime(from, ms);
      }
    });
  }
  test(`${ROUNDS} × the host is killed while the handlers are in ${handler}: no orphan is left`, async (t) => {
    for (let round = 0; round < ROUNDS; round++) await killHost(t, handler);
  });
}

async function occupy(module: ModuleProcess, handler: string): Promise<void> {
  if (handler === 'idle') return;
  for (let worker = 0; worker < 2; worker++) module.openStream(handler).closed.catch(() => {});
  while ((await module.health()).busyWorkers < 2);
}

async function killHost(t: TestContext, handler: string): Promise<void> {
  const args = [built.fixture('doomed-host'), built.fixture('conformance'), handler];
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => host.kill('SIGKILL'));
  const [line] = (await once(host.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  assert.ok(pid > 0, `the host said ${line.toString()}`);
  const from = performance.now();
  host.kill('SIGKILL');
  await once(host, 'exit');
  while (isAlive(pid)) {
    assertInTime(from, GRACE_MS + 1_200);
    await new Promise(setImmediate);
  }
}

/** A zombie is gone as far as its streams, memory and processor are concerned. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The promise of the contract, with room for a machine on which several tests compete for two cores. */
function assertInTime(from: number, ms: number): void {
  const took = performance.now() - from;
  const slack = Number(process.env['IXT_TIME_SLACK'] ?? 1);
  assert.ok(took <= ms * slack, `it took ${took.toFixed(0)} ms, allowed are ${ms} × ${slack}`);
}
