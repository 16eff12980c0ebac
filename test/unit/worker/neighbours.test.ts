import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlowTurnWarning } from '../../../src/worker/neighbours.ts';
import type { Job } from '../../../src/worker/jobs/job.ts';

/** A watch over jobs that only have a name, with a clock that the test moves. */
function watched(...methods: string[]): {
  watch: SlowTurnWarning;
  jobs: Job[];
  lines: string[];
  clock: { now: number };
  running: Map<number, Job>;
} {
  const jobs = methods.map((method, number) => ({ jobId: number, method }) as unknown as Job);
  const lines: string[] = [];
  const clock = { now: 0 };
  const running = new Map(jobs.map((job) => [job.jobId, job]));
  const watch = new SlowTurnWarning(
    running,
    () => clock.now,
    (line) => void lines.push(line),
  );
  return { watch, jobs, lines, clock, running };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a long turn names the methods that ran in it, once each', async () => {
  const { watch, jobs, lines, clock, running } = watched('render', 'idle', 'other');
  const [render] = jobs;
  assert.ok(render);
  for (let i = 0; i < 2; i++) {
    watch.touch(render);
    clock.now += 550;
    // It waited as well, and what it waited for made it end.
    running.delete(2);
    await turn();
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /'render' held the worker that it shares for 550 ms; 2 other streams waited/);
});

test('a short turn is no news, and neither is a long one of a job alone', async () => {
  const two = watched('a', 'b');
  two.watch.touch(two.jobs[0] as Job);
  two.clock.now += 499;
  await turn();
  const one = watched('a');
  one.watch.touch(one.jobs[0] as Job);
  one.watch.blocks(one.jobs[0]);
  one.clock.now += 10_000;
  await turn();
  assert.deepEqual([...two.lines, ...one.lines], []);
});

test('a handler that blocks is named before it does', () => {
  const { watch, jobs, lines } = watched('reads', 'waits');
  watch.blocks(undefined);
  assert.deepEqual(lines, []);
  watch.blocks(jobs[0]);
  assert.match(lines[0] ?? '', /'reads' blocks the worker/);
});

test('a host that makes up a method for each stream doesn’t fill memory with them', () => {
  const { watch, jobs, lines } = watched(...Array.from({ length: 300 }, (_, i) => `m${i}`));
  for (const job of jobs) watch.blocks(job);
  assert.equal(lines.length, 256);
});
