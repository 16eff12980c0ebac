import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/** The number of CPUs that this process may keep busy, and the limit that it comes from. */
export interface CpuShare {
  /** At least 1. */
  readonly cpus: number;
  /** For a person. */
  readonly why: string;
}

/** Returns the text of a file; `undefined` if the file can't be read. */
export type ReadText = (path: string) => string | undefined;

interface Quota {
  /** CPUs, with a fraction. */
  readonly cpus: number;
  readonly file: string;
}

const CGROUPS = '/sys/fs/cgroup';

/**
 * The CPUs of the machine without those that this process may not use (affinity), and no more than its control groups give it time
 * for. Node 20 considers only the affinity, by which a container has all CPUs of its machine.
 */
export function cpuShare(read: ReadText = readText, parallelism: number = availableParallelism()): CpuShare {
  const quota = smallestQuota(read);
  const ofSystem = `the system gives this process ${parallelism} CPU${parallelism === 1 ? '' : 's'}`;
  if (quota === undefined || quota.cpus >= parallelism)
    return { cpus: Math.max(1, parallelism), why: ofSystem };
  const time = Math.round(quota.cpus * 100) / 100;
  return {
    cpus: Math.max(1, Math.floor(quota.cpus)),
    why: `${ofSystem}, and ${quota.file} the time of ${time}`,
  };
}

/** The smallest quota, since each group up to the root may have a quota of its own. */
function smallestQuota(read: ReadText): Quota | undefined {
  let smallest: Quota | undefined;
  for (const line of (read('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const [, controllers = '', group = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (group === '') continue;
    if (controllers !== '' && !controllers.split(',').includes('cpu')) continue;
    const quotaIn = controllers === '' ? quotaOfV2 : quotaOfV1;
    for (const folder of foldersOf(controllers, group)) {
      const quota = quotaIn(folder, read);
      if (quota !== undefined && quota.cpus < (smallest?.cpus ?? Infinity)) smallest = quota;
    }
  }
  return smallest;
}

/**
 * The folders from the group's own to the root. In a container the group's path may be one of the machine, so only the root exists.
 */
function foldersOf(controllers: string, group: string): string[] {
  const roots = controllers === '' ? [CGROUPS] : [`${CGROUPS}/${controllers}`, `${CGROUPS}/cpu`];
  const paths: string[] = [];
  for (let path = posix.normalize(group); path !== '/'; path = posix.dirname(path)) paths.push(path);
  return roots.flatMap((root) => [...paths.map((path) => root + path), root]);
}

/** `cpu.max` holds quota and period in µs; the quota is `max` if there is none. */
function quotaOfV2(folder: string, read: ReadText): Quota | undefined {
  const file = `${folder}/cpu.max`;
  const [quota, period] = (read(file) ?? '').trim().split(' ');
  return quotaOf(file, Number(quota), Number(period));
}

/** Quota and period, in µs, have a file each; the quota is -1 if there is none. */
function quotaOfV1(folder: string, read: ReadText): Quota | undefined {
  const file = `${folder}/cpu.cfs_quota_us`;
  return quotaOf(file, Number(read(file)), Number(read(`${folder}/cpu.cfs_period_us`)));
}

function quotaOf(file: string, quota: number, period: number): Quota | undefined {
  return quota > 0 && period > 0 ? { cpus: quota / period, file } : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The system is not Linux or has no control groups, or we may not read the file.
    return undefined;
  }
}
