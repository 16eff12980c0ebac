import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Contest, Contestant } from '../harness/contest.ts';
import { spawnLoadModule } from '../peers/ixt.ts';

/** From spawn to the answer of `initialize`, beside a Node that does nothing. */
export function startContests(): Contest[] {
  return [
    {
      scope: 'start',
      title: 'spawn → Initialized, compiled, 2 workers',
      unit: 'ms',
      contestants: [own, empty],
      targets: [{ of: 'ixt', against: 'node -e 0', atMost: 2.5 }],
      minRounds: 15,
    },
  ];
}

function own(): Promise<Contestant> {
  return Promise.resolve({
    name: 'ixt',
    async measure() {
      const start = performance.now();
      // Over Node's own pipes: to make real ones the host starts two processes more.
      const module = spawnLoadModule({ transport: 'socket' });
      await module.initialize();
      const value = performance.now() - start;
      await module.close();
      return { value };
    },
    close: () => Promise.resolve(),
  });
}

function empty(): Promise<Contestant> {
  return Promise.resolve({
    name: 'node -e 0',
    async measure() {
      const start = performance.now();
      await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
      return { value: performance.now() - start };
    },
    close: () => Promise.resolve(),
  });
}
