import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuShare } from '../../../src/base/cpu-share.ts';

/** What a machine of so many CPUs gives where these files can be read. */
function share(parallelism: number, files: Record<string, string>): [number, string] {
  const { cpus, why } = cpuShare((path) => files[path], parallelism);
  return [cpus, why];
}

test('without control groups, or without a quota, it is what the system gives', () => {
  const ofSystem = 'the system gives this process 8 CPUs';
  assert.deepEqual(share(8, {}), [8, ofSystem]);
  const v2 = { '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/cpu.max': 'max 100000\n' };
  assert.deepEqual(share(8, v2), [8, ofSystem]);
  const v1 = {
    '/proc/self/cgroup': '3:cpu,cpuacct:/a\n',
    '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '-1\n',
    '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000\n',
  };
  assert.deepEqual(share(8, v1), [8, ofSystem]);
  assert.deepEqual(share(1, {}), [1, 'the system gives this process 1 CPU']);
});

test('the smallest quota on the way to the root of version 2 holds, rounded down', () => {
  const files = {
    '/proc/self/cgroup': '0::/pod/app\n',
    '/sys/fs/cgroup/pod/app/cpu.max': '400000 100000\n',
    '/sys/fs/cgroup/pod/cpu.max': '250000 100000\n',
    '/sys/fs/cgroup/cpu.max': 'max 100000\n',
  };
  const why = 'the system gives this process 8 CPUs, and /sys/fs/cgroup/pod/cpu.max the time of 2.5';
  assert.deepEqual(share(8, files), [2, why]);
});

test('half a CPU is one worker, and so is next to nothing', () => {
  for (const quota of ['50000', '1000']) {
    assert.equal(share(8, { '/sys/fs/cgroup/cpu.max': `${quota} 100000\n` })[0], 1);
  }
});

test('version 1 is read in the group’s folder, and at the root where a container shows no other', () => {
  const cgroup = { '/proc/self/cgroup': '11:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/docker/x\n' };
  const own = {
    '/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us': '150000\n',
    '/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us': '50000\n',
  };
  assert.equal(share(8, { ...cgroup, ...own })[0], 3);
  const root = {
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  };
  assert.equal(share(8, { ...cgroup, ...root })[0], 2);
});

test('affinity holds where it is the smaller one, and what makes no sense is no quota', () => {
  assert.equal(share(2, { '/sys/fs/cgroup/cpu.max': '400000 100000\n' })[0], 2);
  for (const text of ['', 'max', '0 0', '-5 100000', 'x y', '100000 0']) {
    assert.equal(share(4, { '/sys/fs/cgroup/cpu.max': text })[0], 4, text);
  }
  assert.equal(share(4, { '/proc/self/cgroup': 'nonsense\n\n:::\n' })[0], 4);
});
