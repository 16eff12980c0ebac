import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolWorker } from '../../../src/main/workers/pool-worker.ts';
import { Scheduler, type Assignment, type Waiting } from '../../../src/main/calls/scheduler.ts';
import { RunLimit } from '../../../src/main/calls/method-limits.ts';
import type { HandlerMode } from '../../../src/module.ts';
import { FakeSlots } from '../../support/fake-workers.ts';
import { isLater } from '../../../src/threads/job-id.ts';

class Job implements Waiting {
  readonly name: string;
  readonly mode: HandlerMode;
  readonly limit: RunLimit<Waiting> | undefined;
  readonly #log: string[];
  assignment: Assignment | undefined;
  isOverdue = false;

  constructor(log: string[], name: string, mode: HandlerMode, limit: RunLimit<Waiting> | undefined) {
    this.#log = log;
    this.name = name;
    this.mode = mode;
    this.limit = limit;
  }

  expire(): boolean {
    if (this.isOverdue) this.#log.push(`${this.name} is overdue`);
    return this.isOverdue;
  }

  start(assignment: Assignment): void {
    this.assignment = assignment;
    this.#log.push(`${this.name} on ${assignment.worker.slotNumber}`);
  }
}

class Bench {
  readonly log: string[] = [];
  readonly workers = new Set<PoolWorker>();
  readonly scheduler: Scheduler<Job>;
  readonly slots: FakeSlots;
  isClogged = false;

  constructor(workers: number, streamsPerWorker = 1) {
    this.slots = new FakeSlots(workers, streamsPerWorker);
    this.scheduler = new Scheduler(this.workers, streamsPerWorker, this.slots.region, () => this.isClogged);
    for (let slot = 0; slot < workers; slot++) this.add(slot);
  }

  add(slot: number): PoolWorker {
    const worker = this.slots.start(slot, () => {});
    worker.phase = 'ready';
    this.workers.add(worker);
    return worker;
  }

  worker(slot: number): PoolWorker {
    const found = [...this.workers].find((worker) => worker.slotNumber === slot);
    if (found === undefined) throw new Error(`no worker ${slot}`);
    return found;
  }

  submit(name: string, mode: HandlerMode = 'sync', limit?: RunLimit<Waiting>): Job {
    const job = new Job(this.log, name, mode, limit);
    const assignment = this.scheduler.tryPlace(job);
    if (assignment !== undefined) job.start(assignment);
    else this.scheduler.submit(job);
    return job;
  }

  startPlaced(): void {
    for (let placed = this.scheduler.next(); placed !== undefined; placed = this.scheduler.next())
      placed.call.start(placed.assignment);
  }

  end(job: Job): void {
    if (job.assignment === undefined) throw new Error(`${job.name} doesn't run`);
    this.scheduler.release(job.assignment);
    job.assignment = undefined;
    this.startPlaced();
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

test('a job whose deadline has passed never starts, whatever its timer says, and holds nobody up', () => {
  const bench = new Bench(1);
  const a = bench.submit('a');
  const late = bench.submit('late');
  bench.submit('b');
  late.isOverdue = true;
  bench.take();
  bench.end(a);
  assert.deepEqual(bench.take(), ['late is overdue', 'b on 0']);
});

test('a worker that retires gets no job while another is ready, and shares on where none is', () => {
  const bench = new Bench(2, 2);
  const long = bench.submit('long', 'async');
  assert.ok(long.assignment);
  long.assignment.worker.phase = 'retiring';
  bench.take();
  const [a, b] = ['a', 'b'].map((name) => bench.submit(name, 'async'));
  assert.deepEqual(bench.take(), ['a on 1', 'b on 1']);
  const c = bench.submit('c', 'async');
  assert.deepEqual(bench.take(), ['c on 0']);
  for (const job of [a, b, c, long]) if (job !== undefined) bench.end(job);
  bench.worker(1).phase = 'loading';
  bench.submit('d', 'async');
  assert.deepEqual(bench.take(), [], 'it is idle: what comes waits for who replaces it');
});

test('jobs start in the order in which they came, each on a worker of its own', () => {
  const bench = new Bench(2);
  const [a, b] = ['a', 'b', 'c', 'd'].map((name) => bench.submit(name));
  assert.deepEqual(bench.take(), ['a on 0', 'b on 1']);
  assert.equal(bench.scheduler.busy, 2);
  bench.end(b as Job);
  assert.deepEqual(bench.take(), ['c on 1']);
  bench.end(a as Job);
  assert.deepEqual(bench.take(), ['d on 0']);
});

test('a synchronous job never shares its worker, whatever streamsPerWorker says', () => {
  const bench = new Bench(1, 4);
  const a = bench.submit('a', 'sync');
  const b = bench.submit('b', 'async');
  assert.deepEqual(bench.take(), ['a on 0']);
  bench.end(a);
  assert.deepEqual(bench.take(), ['b on 0']);
  bench.submit('c', 'sync');
  assert.deepEqual(bench.take(), [], 'an asynchronous one runs there');
  bench.end(b);
  assert.deepEqual(bench.take(), ['c on 0']);
});

test('asynchronous jobs share workers up to the limit, the emptiest first', () => {
  const bench = new Bench(2, 2);
  const jobs = ['a', 'b', 'c', 'd', 'e'].map((name) => bench.submit(name, 'async'));
  assert.deepEqual(bench.take(), ['a on 0', 'b on 1', 'c on 0', 'd on 1']);
  bench.end(jobs[1] as Job);
  assert.deepEqual(bench.take(), ['e on 1']);
  bench.end(jobs[0] as Job);
  bench.end(jobs[2] as Job);
  bench.submit('f', 'async');
  bench.submit('g', 'async');
  assert.deepEqual(bench.take(), ['f on 0', 'g on 0']);
});

test('who is first and finds no place holds the others back, so that nobody waits for ever', () => {
  const bench = new Bench(1, 2);
  const a = bench.submit('a', 'async');
  bench.submit('b', 'sync');
  bench.submit('c', 'async');
  assert.deepEqual(bench.take(), ['a on 0'], 'c would fit, but b came first');
  bench.end(a);
  assert.deepEqual(bench.take(), ['b on 0']);
});

test('a job that was withdrawn does not start, and lets the next one through', () => {
  const bench = new Bench(1);
  const a = bench.submit('a');
  const b = bench.submit('b');
  bench.submit('c');
  bench.scheduler.withdraw(b);
  bench.take();
  bench.end(a);
  assert.deepEqual(bench.take(), ['c on 0']);
});

test('only a worker that is ready gets a job', () => {
  const bench = new Bench(1);
  for (const phase of ['loading', 'retiring', 'revoked', 'gone'] as const) {
    bench.worker(0).phase = phase;
    const job = bench.submit(phase);
    assert.deepEqual(bench.take(), [], phase);
    bench.scheduler.withdraw(job);
  }
  bench.worker(0).phase = 'ready';
  bench.submit('now');
  assert.deepEqual(bench.take(), ['now on 0']);
});

test('a worker that was ended is not busy any more, whatever its handler still does', () => {
  const bench = new Bench(2);
  const job = bench.submit('a');
  bench.submit('b');
  assert.equal(bench.scheduler.busy, 2);
  bench.worker(0).phase = 'revoked';
  assert.equal(bench.scheduler.busy, 1);
  bench.end(job);
  assert.equal(bench.scheduler.busy, 1);
});

test('nothing new starts while the host has too much left to read', () => {
  const bench = new Bench(2);
  bench.isClogged = true;
  bench.submit('a');
  assert.deepEqual(bench.take(), []);
  bench.isClogged = false;
  bench.startPlaced();
  assert.deepEqual(bench.take(), ['a on 0']);
});

test('no two running jobs share a control block, and blocks are used again', () => {
  const bench = new Bench(2, 3);
  let jobs: Job[] = [];
  const seen = new Set<number>();
  for (let i = 0; i < 100; i++) {
    jobs.push(bench.submit(`j${i}`, 'async'));
    const blocks = jobs.flatMap(({ assignment }) => (assignment === undefined ? [] : [assignment.block]));
    assert.equal(new Set(blocks).size, blocks.length);
    for (const block of blocks) seen.add(block);
    if (jobs.length < 6) continue;
    for (const job of jobs.filter((_, at) => at % 2 === i % 2)) bench.end(job);
    jobs = jobs.filter(({ assignment }) => assignment !== undefined);
  }
  assert.ok(seen.size <= 6);
});

test('each job’s number is later than the one before', () => {
  const bench = new Bench(1);
  let last = 0;
  for (let i = 0; i < 50; i++) {
    const job = bench.submit('j');
    const number = job.assignment?.jobId ?? 0;
    assert.ok(isLater(number, last));
    last = number;
    bench.end(job);
  }
});

test('a method that runs as many calls as it may holds up no other, and its own go on in their order', () => {
  const bench = new Bench(3);
  const limit = new RunLimit<Waiting>({ mode: 'sync', name: 'slow', concurrency: 1 }, 1);
  const first = bench.submit('slow 1', 'sync', limit);
  const second = bench.submit('slow 2', 'sync', limit);
  const third = bench.submit('slow 3', 'sync', limit);
  const other = bench.submit('other');
  assert.deepEqual(bench.take(), ['slow 1 on 0', 'other on 1']);
  bench.end(other);
  assert.deepEqual(bench.take(), [], 'a worker is free, and the limit is reached');
  bench.end(first);
  assert.deepEqual(bench.take(), ['slow 2 on 0']);
  bench.submit('slow 4', 'sync', limit);
  bench.end(second);
  assert.deepEqual(bench.take(), ['slow 3 on 0']);
  bench.end(third);
  assert.deepEqual(bench.take(), ['slow 4 on 0']);
  assert.equal(limit.running, 1);
});

test('a call that finds its method’s limit reached only as its turn comes waits aside, too', () => {
  const bench = new Bench(3);
  for (const slot of [1, 2]) bench.worker(slot).phase = 'loading';
  const limit = new RunLimit<Waiting>({ mode: 'async', name: 'slow', concurrency: 1 }, 1);
  const holder = bench.submit('holder');
  bench.submit('slow 1', 'async', limit);
  bench.submit('slow 2', 'async', limit);
  bench.submit('last');
  for (const slot of [1, 2]) bench.worker(slot).phase = 'ready';
  bench.startPlaced();
  assert.deepEqual(bench.take(), ['holder on 0', 'slow 1 on 1', 'last on 2']);
  bench.end(holder);
  assert.deepEqual(bench.take(), []);
});

test('a call that waits aside can be withdrawn, or be overdue, and those behind it go on', () => {
  const bench = new Bench(2);
  const limit = new RunLimit<Waiting>({ mode: 'sync', name: 'slow', concurrency: 1 }, 1);
  const first = bench.submit('1', 'sync', limit);
  const withdrawn = bench.submit('2', 'sync', limit);
  const overdue = bench.submit('3', 'sync', limit);
  bench.submit('4', 'sync', limit);
  bench.take();
  bench.scheduler.withdraw(withdrawn);
  overdue.isOverdue = true;
  bench.end(first);
  assert.deepEqual(bench.take(), ['3 is overdue', '4 on 0']);
});

test('calls that wait want a worker each, or one for so many as may share it, and none while the host has much to read', () => {
  const bench = new Bench(1, 2);
  bench.submit('a');
  assert.deepEqual([bench.scheduler.hasWaiting, bench.scheduler.wanted(9)], [false, 0]);
  bench.submit('b');
  for (const name of ['c', 'd', 'e']) bench.submit(name, 'async');
  assert.deepEqual([bench.scheduler.hasWaiting, bench.scheduler.wanted(9)], [true, 3]);
  assert.equal(bench.scheduler.wanted(2), 2);
  bench.isClogged = true;
  assert.equal(bench.scheduler.wanted(9), 0);
});
