import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LAUNCHER_DESCRIPTORS, launcherPrefix, runnerCommand } from '../../src/host/runner-command.ts';
import { StressChild, type StressChildOptions } from './stress-child.ts';

/** A child with the handlers of a module of test/fixtures, run from the sources. */
export function startMemoryChild(
  flags: readonly string[],
  options: Partial<StressChildOptions> = {},
  fixture = 'stress-memory',
): StressChild {
  const module = fileURLToPath(new URL(`../fixtures/${fixture}.ts`, import.meta.url));
  const [shell = '', ...launcher] = launcherPrefix();
  const serve = ['serve', module, ...flags, '--descriptors', LAUNCHER_DESCRIPTORS];
  return new StressChild({
    command: [shell, ...launcher, ...runnerCommand(), ...serve],
    transport: 'blocking pipe',
    ...options,
  });
}

/** Bytes of physical memory that a process has now. */
export function residentBytes(pid: number): number {
  if (process.platform !== 'linux') {
    return 1_024 * Number(spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
  }
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return 1_024 * Number(kilobytes);
}
