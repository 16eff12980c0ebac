import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { HostStream } from '../../src/host/index.ts';
import { Flood, scaled } from './support/flood.ts';
import type { StressChild } from '../support/stress-child.ts';
import { residentBytes, startMemoryChild } from '../support/stress-memory.ts';

const LONG = { timeout: 900_000 } as const;
const MB = 1e6;
/** Streams that are under way at once while a million go by. */
const TOGETHER = 64;
const MANY = 10_000;
const FEW = 10;
/** Frames under way, however many streams share them. */
const IN_FLIGHT = 1_000;

async function start(t: TestContext, flags: readonly string[]): Promise<StressChild> {
  const child = startMemoryChild(flags, {}, 'floods');
  t.after(() => child.kill());
  await child.session.initialize();
  return child;
}

/** The least of a few looks, since a garbage collection comes when it comes. */
async function settledBytes(child: StressChild): Promise<number> {
  let least = Infinity;
  for (let look = 0; look < 5; look++) {
    await child.session.health();
    least = Math.min(least, residentBytes(child.pid));
  }
  return least;
}

test('a million tiny streams, one after the other, leave no memory behind', LONG, async (t) => {
  const child = await start(t, ['--workers', '1', '--streams-per-worker', String(TOGETHER)]);
  const run = async (count: number): Promise<void> => {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const stream = child.session.openStream('tiny');
        stream.end();
        await stream.closed;
      }
    };
    await Promise.all(Array.from({ length: TOGETHER }, lane));
  };
  await run(10_000);
  const early = await settledBytes(child);
  const started = performance.now();
  await run(scaled(1e6) - 10_000);
  const rate = (scaled(1e6) - 10_000) / ((performance.now() - started) / 1000);
  const growth = (await settledBytes(child)) - early;
  t.diagnostic(
    `${scaled(1e6)} streams, ${rate.toFixed(0)}/s, ${(early / MB).toFixed(1)} MB and ${(growth / MB).toFixed(1)} more`,
  );
  assert.ok(growth < 10 * MB, `${growth} bytes`);
});

test('10,000 asynchronous streams are open at once, and each is served', LONG, async (t) => {
  const child = await start(t, ['--workers', '2', '--streams-per-worker', String(MANY / 2)]);
  const before = await settledBytes(child);
  const few = await openEchoes(child, FEW);
  const fewRate = await throughput(few);
  for (const stream of few) stream.end();
  await Promise.all(few.map(({ closed }) => closed));
  const many = await openEchoes(child, MANY);
  assert.equal((await child.session.health()).openStreams, MANY);
  // Once on as many as before, with all others open beside them, and once on each in its turn.
  const sameRate = await throughput(many.slice(0, FEW));
  const manyRate = await throughput(many);
  const each = ((await settledBytes(child)) - before) / MANY;
  for (const stream of many) stream.end();
  await Promise.all(many.map(({ closed }) => closed));
  assert.equal((await child.session.health()).openStreams, 0);
  t.diagnostic(
    `frames/s with ${FEW} streams: ${fewRate.toFixed(0)}; with ${MANY}, on ${FEW} of them: ${sameRate.toFixed(0)}, ` +
      `on all of them: ${manyRate.toFixed(0)}; ratios ${(sameRate / fewRate).toFixed(2)} and ${(manyRate / fewRate).toFixed(2)}; ` +
      `${(each / 1000).toFixed(1)} kB a stream`,
  );
});

/** Streams whose handlers run: each has answered once. */
async function openEchoes(child: StressChild, count: number): Promise<HostStream[]> {
  const streams = Array.from({ length: count }, () => child.session.openStream('echo'));
  await Promise.all(streams.map((stream) => roundTrip(stream)));
  return streams;
}

async function roundTrip(stream: HostStream): Promise<void> {
  await stream.send(new Uint8Array(64));
  const { value } = await stream.next();
  assert.equal(value?.length, 64);
}

/** Frames a second, there and back, spread evenly over the streams. The best of three, since others use the machine. */
async function throughput(streams: readonly HostStream[]): Promise<number> {
  const frames = 60_000;
  const rates: number[] = [];
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    let next = 0;
    const lane = async (first: number): Promise<void> => {
      for (let at = first; next < frames; at = (at + IN_FLIGHT) % streams.length) {
        next++;
        await roundTrip(streams[at]!);
      }
    };
    // With fewer streams than lanes several lanes share one: what comes back is anybody's.
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, i) => lane(i % streams.length)));
    rates.push(frames / ((performance.now() - started) / 1000));
  }
  return Math.max(...rates);
}

test('a storm of opens and cancels: what another stream feels of it', LONG, async (t) => {
  const flood = new Flood(t, ['--workers', '3', '--max-queue', '16']);
  await flood.start();
  // Written by hand: the sends of a stream wait until the storm leaves the transport a pause.
  const { raw } = flood;
  const { id, open, encoder } = flood.open('echo');
  const echo = raw.adoptStream(id);
  raw.sendRaw(open);
  await roundTrip(echo);
  const frame = encoder.data(new Uint8Array(64));
  const ask = async (): Promise<void> => {
    raw.sendRaw(frame);
    await echo.next();
  };
  const count = scaled(100_000);
  const storm = async (method: string): Promise<number[]> => {
    let poured = false;
    const pour = (async (): Promise<void> => {
      for (let left = count; left > 0; left -= 20) {
        await flood.pour(20, () => {
          const { open, encoder } = flood.open(method);
          return Buffer.concat([open, encoder.cancel('changed my mind')]);
        });
      }
      poured = true;
    })();
    // What the host has written ahead of it, it waits for: one connection is one queue.
    const took = await roundTrips(ask, Infinity, () => poured);
    await pour;
    return took;
  };
  const idle = await roundTrips(ask, 2_000, () => false);
  t.diagnostic(`round trips, idle: ${describe(idle)}`);
  // The code of both ends is compiled before it counts.
  await storm('slow-asleep');
  for (const [method, what] of [
    ['slow-asleep', 'in the storm, handlers asleep'],
    ['slow', 'in the storm, handlers computing'],
  ] as const) {
    t.diagnostic(`${what}: ${describe(await storm(method))}`);
  }
  // What every stream feels of neighbours that compute, though no storm is about.
  const busy = [1, 2].map(() => flood.open('busy'));
  for (const { open } of busy) raw.sendRaw(open);
  const beside = await roundTrips(ask, 2_000, () => false);
  t.diagnostic(`no storm, handlers computing: ${describe(beside)}`);
  for (const { encoder } of busy) raw.sendRaw(encoder.cancel('enough'));
  echo.end();
  await flood.idle(3 * count + 3);
  assert.equal(flood.doubled.length, 0);
  const ends = [...flood.ends.values()].reduce((sum, n) => sum + n, 0);
  assert.equal(ends, 3 * count + 3, JSON.stringify([...flood.ends]));
});

/** Milliseconds of each, in order of size. */
async function roundTrips(ask: () => Promise<void>, most: number, over: () => boolean): Promise<number[]> {
  const took: number[] = [];
  while (took.length === 0 || (took.length < most && !over())) {
    const started = performance.now();
    await ask();
    took.push(performance.now() - started);
  }
  return took.sort((a, b) => a - b);
}

function describe(sorted: readonly number[]): string {
  const at = (part: number): string => (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2);
  return `${sorted.length}, median ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`;
}
