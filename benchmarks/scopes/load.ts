import { setTimeout as sleep } from 'node:timers/promises';
import type { Contest, Contestant, Measurement } from '../harness/contest.ts';
import { spawnLoadModule } from '../peers/ixt.ts';
import { rawPipePeer } from '../peers/raw-pipe.ts';
import { ability, latencyDetails } from './end-to-end.ts';

const WORKERS = 2;

/** How soon main answers while every worker computes without a pause. */
export function loadContests(): Contest[] {
  return [
    {
      scope: 'load',
      title: `health round trip, ${WORKERS} of ${WORKERS} workers computing, p99`,
      unit: 'µs',
      contestants: [() => health(WORKERS, WORKERS), rawUnderLoad, () => health(WORKERS, 0)],
      targets: [
        { of: name(WORKERS), against: RAW, atMost: 3 },
        { of: name(WORKERS), against: name(0) },
      ],
    },
  ];
}

const RAW = 'raw pipe, as many threads computing';

/** Before the first counted round trip, for what the first ones compile. */
const WARM_UP_SECONDS = 0.3;

/** Children live for one round: what computes in one would slow down the others. */
function rawUnderLoad(): Promise<Contestant> {
  return Promise.resolve({
    name: RAW,
    async measure(seconds) {
      const peer = await rawPipePeer({ burning: WORKERS });
      try {
        const ping = ability(peer, 'ping');
        // A health request with its envelope has as many bytes.
        return await probes(seconds, () => ping(64));
      } finally {
        await peer.close();
      }
    },
    close: () => Promise.resolve(),
  });
}

function name(busy: number): string {
  return busy === 0 ? 'health, idle' : `health, ${busy} workers computing`;
}

/** Health round trips. @param busy workers that compute meanwhile */
export function health(workers: number, busy: number): Promise<Contestant> {
  return Promise.resolve({
    name: name(busy),
    async measure(seconds) {
      const module = spawnLoadModule({ workers });
      await module.initialize();
      const spinning = Array.from({ length: busy }, () => module.openStream('spin'));
      while ((await module.health()).busyWorkers < busy);
      const measurement = await probes(seconds, () => module.health());
      for (const stream of spinning) stream.cancel('the benchmark is over');
      await module.close();
      return measurement;
    },
    close: () => Promise.resolve(),
  });
}

/**
 * One round trip a millisecond, as a watchdog would: back to back they would ask for half a core, and wait for the scheduler
 * where the question is how soon a thread that has slept is woken.
 */
export async function probes(seconds: number, probe: () => Promise<unknown>): Promise<Measurement> {
  const times: number[] = [];
  const start = performance.now();
  const counted = start + Math.min(seconds, WARM_UP_SECONDS) * 1000;
  for (let now = start; now < counted + seconds * 1000; now = performance.now()) {
    await probe();
    if (now >= counted) times.push(performance.now() - now);
    await sleep(1);
  }
  const details = latencyDetails(times);
  return { value: details['p99 µs'], details };
}
