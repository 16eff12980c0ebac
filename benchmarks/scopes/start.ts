import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Contest, Contestant } from '../harness/contest.ts';
import { spawnLoadModule } from '../peers/ixt.ts';

/** From spawn to the answer of `initialize`, beside a Node that does nothing; and the first call on a worker that sleeps. */
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
    {
      scope: 'start',
      title: 'Open → first Data on a second worker, asleep or awake, compiled',
      unit: 'ms',
      contestants: [() => firstCall('ixt, asleep', 1), () => firstCall('ixt, awake', 2)],
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

function firstCall(name: string, minWorkers: number): Promise<Contestant> {
  return Promise.resolve({
    name,
    async measure() {
      const module = spawnLoadModule({ transport: 'socket', args: ['--min-workers', String(minWorkers)] });
      await module.initialize();
      // A worker that sleeps counts, and one that still loads for the first time doesn't.
      while ((await module.health()).workers < 2);
      const holds = module.openStream('echo');
      await holds.send(Uint8Array.of(1));
      await holds.next();
      const start = performance.now();
      const stream = module.openStream('echo');
      await stream.send(Uint8Array.of(1));
      await stream.next();
      const value = performance.now() - start;
      for (const echo of [holds, stream]) echo.end();
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
