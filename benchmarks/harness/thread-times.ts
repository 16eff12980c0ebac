import { readdirSync, readFileSync } from 'node:fs';

/** CPU time in nanoseconds: what the scheduler gave a process's first thread, and all its others together. */
export interface ThreadTimes {
  readonly main: number;
  readonly others: number;
}

/**
 * CPU time of a process so far, by thread. Unlike the time on the wall it doesn't grow while others have the processor, so
 * that a cost per frame can be had on a machine that isn't quiet.
 *
 * @returns zeros where the system has no `schedstat` (only Linux has)
 */
export function threadTimes(pid: number): ThreadTimes {
  let main = 0;
  let others = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const time = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
      if (thread === String(pid)) main += time;
      else others += time;
    }
  } catch {
    return { main: 0, others: 0 };
  }
  return { main, others };
}

export function timesBetween(before: ThreadTimes, after: ThreadTimes): ThreadTimes {
  return { main: after.main - before.main, others: after.others - before.others };
}

/** Resident memory of a process in bytes; 0 where the system has no `/proc`. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS');
}

/** The most memory that a process has had resident at once, in bytes; 0 where the system has no `/proc`. */
export function peakResidentBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

function statusBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
