import type { Contest, Contestant } from '../harness/contest.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { LARGE_MESSAGE_WINDOW } from '../peers/grpc-service.ts';
import { ixtPeer } from '../peers/ixt.ts';
import type { Peer } from '../peers/peer.ts';
import { ability, latencyDetails, throughput } from './end-to-end.ts';
import { drainedSource } from './source.ts';

/** How figures grow with payload, streams, workers and load: what the plots are drawn from. */
export function growthContests(): Contest[] {
  return [
    ...[64, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576].map((bytes) => ({
      ...echo('payload', bytes, 1, bytes),
      title: `echo of ${bytes} B, 1 stream`,
    })),
    ...[1, 4, 16, 64, 256].map((streams) => ({
      ...echo('streams', streams, streams, 64),
      title: `echo of 64 B, ${streams} streams`,
    })),
    ...[1, 2, 4, 8].map((workers) => ({
      scope: 'growth',
      title: `source of 128 B, ${workers} workers, drained`,
      unit: 'frames/s',
      contestants: [() => drainedSource(workers, 128)],
      point: { chart: 'workers', x: workers },
    })),
    ...[1_000, 3_000, 10_000, 30_000, 100_000].map((perSecond) => ({
      scope: 'growth',
      title: `echo of 64 B at ${perSecond} frames/s`,
      unit: 'µs from when it was due, p99',
      // Past what grpc-js can do, its latency would be the length of the measurement.
      contestants: [
        () => paced(ixtPeer(), perSecond),
        ...(perSecond > 10_000 ? [] : [() => paced(grpcPeer(), perSecond)]),
      ],
      point: { chart: 'load', x: perSecond },
    })),
  ];
}

function echo(chart: string, x: number, streams: number, payloadBytes: number): Omit<Contest, 'title'> {
  const start = async (starting: Promise<Peer>): Promise<Contestant> => {
    const peer = await starting;
    const run = ability(peer, 'echo');
    return throughput(peer, (seconds) => run(streams, payloadBytes, seconds));
  };
  const handlers = chart === 'payload' ? 'sync' : 'async';
  return {
    scope: 'growth',
    unit: 'frames/s',
    contestants: [
      () => start(ixtPeer({ handlers, streamsPerWorker: 128 })),
      () => start(grpcPeer(payloadBytes > 65_536 ? LARGE_MESSAGE_WINDOW : undefined)),
    ],
    point: { chart, x },
  };
}

async function paced(starting: Promise<Peer>, perSecond: number): Promise<Contestant> {
  const peer = await starting;
  const run = ability(peer, 'paced');
  return {
    name: peer.name,
    async measure(seconds) {
      const details = latencyDetails(await run(64, perSecond, seconds));
      return { value: details['p99 µs'], details };
    },
    close: () => peer.close(),
  };
}
