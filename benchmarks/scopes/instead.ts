import { setTimeout as sleep } from 'node:timers/promises';
import type { Contest, Contestant, Measurement } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { partsOf } from '../peers/cpu-work.ts';
import { HashInput } from '../peers/hash-input.ts';
import { WORKERS, type Alternative, type AlternativeKind, type Crash } from '../peers/instead/alternative.ts';
import { forkAlternative } from '../peers/instead/forks.ts';
import { grpcPoolAlternative } from '../peers/instead/grpc-pool.ts';
import { ixtAlternative } from '../peers/instead/ixt-alternative.ts';
import { poolAlternative, PoolHost } from '../peers/instead/pool.ts';
import { PARTS, pictureTask } from './cpu.ts';
import { probes } from './load.ts';

const OURS: AlternativeKind = { name: 'ixt', start: ixtAlternative };
const GRPC_POOL: AlternativeKind = { name: 'grpc-js + Piscina', start: grpcPoolAlternative };
const POOL: AlternativeKind = { name: 'Piscina alone', start: poolAlternative };
const FORKS: AlternativeKind = { name: `fork × ${WORKERS}`, start: forkAlternative };
const ALL = [OURS, GRPC_POOL, POOL, FORKS];

const CHUNK_BYTES = 65_536;
/** How long one call keeps a worker, where all of them compute all the time, in ms. */
const JOB_MS = 100;
/** How long a neighbour would compute if nothing ended it, in ms. */
const NEIGHBOUR_MS = 60_000;
/** Until two calls certainly compute, in ms. */
const BEGUN_MS = 300;

/** What a user would pick instead, each set up as its authors would: CPU-bound work, small calls beside it, and what a fault costs. */
export function insteadContests(options: BenchOptions): Contest[] {
  const inTurns = [GRPC_POOL, POOL, FORKS].map(({ name }) => ({ of: OURS.name, against: name }));
  return [
    {
      scope: 'instead',
      kind: 'picture',
      title: `mandelbrot on ${WORKERS} workers`,
      unit: 'pictures/s',
      contestants: ALL.map((kind) => () => pictures(kind, options)),
      targets: inTurns,
    },
    {
      scope: 'instead',
      kind: 'hash',
      title: `sha256 of ${WORKERS} streamed inputs on ${WORKERS} workers`,
      unit: 'MB/s',
      contestants: ALL.map((kind) => () => hashes(kind, options)),
      targets: inTurns,
    },
    {
      scope: 'instead',
      kind: 'ping',
      title: `a small call while all workers compute ${JOB_MS} ms at a time, p99`,
      unit: 'µs',
      contestants: ALL.map((kind) => () => smallCalls(kind)),
      inverted: true,
      targets: inTurns,
    },
    fault(
      'thread',
      'cancelled in a tight loop',
      ALL.map((kind) => faulty(kind, cancelled)),
    ),
    fault(
      'thread',
      'a handler calls process.exit',
      ALL.map((kind) => faulty(kind, crashed('exit'))),
    ),
    // Piscina's own host is this process, so another one stands for it.
    fault('process', 'the process of a handler is killed', [
      ...[OURS, GRPC_POOL, FORKS].map((kind) => faulty(kind, crashed('kill'))),
      killedHost(),
    ]),
  ];
}

async function pictures({ name, start }: AlternativeKind, options: BenchOptions): Promise<Contestant> {
  const alternative = await start();
  const task = pictureTask(options);
  const parts = partsOf(task, PARTS);
  return {
    name,
    async measure() {
      const begun = performance.now();
      const bands = await Promise.all(
        parts.map((part) => {
          if (part.method !== 'mandelbrot') throw new Error('That is no part of a picture.');
          const { width, height, maxIter, y0, rows } = part;
          return alternative.picture({ width, height, maxIter, y0, rows });
        }),
      );
      const value = 1000 / (performance.now() - begun);
      const bytes = bands.reduce((total, { length }) => total + length, 0);
      if (bytes !== task.width * task.height) throw new Error(`${name} drew ${bytes} pixels.`);
      return { value };
    },
    close: () => alternative.close(),
  };
}

async function hashes({ name, start }: AlternativeKind, options: BenchOptions): Promise<Contestant> {
  const alternative = await start();
  const input = new HashInput(CHUNK_BYTES, options.smoke ? 32 : Math.round(1_024 * options.seconds));
  return {
    name,
    async measure() {
      const begun = performance.now();
      const digests = await Promise.all(Array.from({ length: WORKERS }, () => alternative.hash(input)));
      const seconds = (performance.now() - begun) / 1000;
      for (const digest of digests) input.check(name, digest);
      return { value: (WORKERS * input.bytes) / 1e6 / seconds };
    },
    close: () => alternative.close(),
  };
}

async function smallCalls({ name, start }: AlternativeKind): Promise<Contestant> {
  const alternative = await start();
  return {
    name,
    async measure(seconds) {
      let isOver = false;
      const load = Array.from({ length: WORKERS }, async () => {
        while (!isOver) await alternative.work(JOB_MS);
      });
      const measurement = await probes(seconds, () => alternative.ping());
      isOver = true;
      await Promise.all(load);
      return measurement;
    },
    close: () => alternative.close(),
  };
}

/** What one fault costs: until a call that needs the lost worker is answered, and who else is lost. */
function fault(kind: string, title: string, contestants: readonly Contestant[]): Contest {
  return {
    scope: 'instead',
    kind,
    title: `${title}, until the next call is answered`,
    unit: 'ms',
    contestants: contestants.map((contestant) => () => Promise.resolve(contestant)),
  };
}

/** @param meet meets with the fault. @returns when, as `performance.now` says */
function faulty(
  { name, start }: AlternativeKind,
  meet: (alternative: Alternative) => Promise<number>,
): Contestant {
  return {
    name,
    // A new one for each round, since a fault leaves what it leaves.
    async measure(): Promise<Measurement> {
      const alternative = await start();
      let neighboursLost = 0;
      try {
        // It keeps one of two workers for longer than all else takes.
        alternative.work(NEIGHBOUR_MS).catch(() => neighboursLost++);
        const begun = await meet(alternative);
        await alternative.work(0);
        const value = performance.now() - begun;
        return { value, details: { 'neighbours lost': neighboursLost, 'hosts lost': 0 } };
      } finally {
        await alternative.close();
      }
    },
    close: () => Promise.resolve(),
  };
}

async function cancelled(alternative: Alternative): Promise<number> {
  const cancel = new AbortController();
  alternative.work(NEIGHBOUR_MS, cancel.signal).catch(() => undefined);
  await sleep(BEGUN_MS);
  const begun = performance.now();
  cancel.abort();
  return begun;
}

function crashed(how: Crash): (alternative: Alternative) => Promise<number> {
  return async (alternative) => {
    await sleep(BEGUN_MS);
    const begun = performance.now();
    await alternative.crash(how);
    return begun;
  };
}

/** Piscina alone: its host is what is killed, with everything in it. */
function killedHost(): Contestant {
  return {
    name: POOL.name,
    async measure() {
      const host = new PoolHost();
      await host.ready();
      const begun = performance.now();
      await host.crash();
      const value = performance.now() - begun;
      await host.stop();
      return { value, details: { 'neighbours lost': 1, 'hosts lost': 1 } };
    },
    close: () => Promise.resolve(),
  };
}
