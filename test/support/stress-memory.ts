import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { built } from './built.ts';
import { StressChild, type StressChildOptions } from './stress-child.ts';

/** A child with the handlers of a module of test/fixtures. */
export function startMemoryChild(
  flags: readonly string[],
  options: Partial<StressChildOptions> = {},
  fixture = 'stress-memory',
): StressChild {
  return new StressChild({
    command: [...built.serve(fixture), ...flags],
    transport: 'blocking pipe',
    ...options,
  });
}

/** Bytes of physical memory that a process has now. @throws Error once it has ended */
export function residentBytes(pid: number): number {
  if (process.platform !== 'linux') {
    return 1_024 * Number(spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
  }
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  // A process that has ended, and that nobody has waited for yet, is still listed.
  if (kilobytes === undefined) throw new Error(`process ${pid} has no memory any more`);
  return 1_024 * Number(kilobytes);
}
