import { setTimeout as sleep } from 'node:timers/promises';
import type { Contest, Contestant } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { residentBytes } from '../harness/thread-times.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { ixtPeer } from '../peers/ixt.ts';
import type { Peer } from '../peers/peer.ts';

/** How long memory may settle before it is read, in ms. */
const SETTLE_MS = 1_000;

/** What one open stream that has nothing to do costs the child. */
export function memoryContests(options: BenchOptions): Contest[] {
  const streams = options.smoke ? 200 : 10_000;
  const start = (startPeer: () => Promise<Peer>) => (): Promise<Contestant> => contestant(startPeer, streams);
  const streamsPerWorker = Math.ceil(streams / 2);
  return [
    {
      scope: 'memory',
      title: `${streams} open asynchronous streams, one frame echoed on each`,
      unit: 'bytes of RSS for each',
      contestants: [
        start(() => ixtPeer({ handlers: 'async', streamsPerWorker, args: ['--max-queue', String(streams)] })),
        start(grpcPeer),
      ],
      targets: [{ of: 'ixt', against: 'grpc-js', atMost: 0.25 }],
    },
  ];
}

/** A child for each round: memory that was taken once is not given back. */
async function contestant(startPeer: () => Promise<Peer>, streams: number): Promise<Contestant> {
  const probe = await startPeer();
  await probe.close();
  return {
    name: probe.name,
    async measure() {
      const peer = await startPeer();
      try {
        // The code is loaded and compiled before the first look.
        await (
          await peer.hold?.(50)
        )?.();
        await sleep(SETTLE_MS);
        const before = residentBytes(peer.pid);
        const release = await peer.hold?.(streams);
        await sleep(SETTLE_MS);
        const after = residentBytes(peer.pid);
        await release?.();
        return { value: (after - before) / streams, details: { 'RSS before, MiB': before / 2 ** 20 } };
      } finally {
        await peer.close();
      }
    },
    close: () => Promise.resolve(),
  };
}
