import type { Contest, Contestant } from '../harness/contest.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { ixtPeer } from '../peers/ixt.ts';
import type { Peer } from '../peers/peer.ts';
import { ability, throughput } from './end-to-end.ts';

/** Host → handler, which only counts. */
export function sinkContests(): Contest[] {
  const start = async (starting: Promise<Peer>): Promise<Contestant> => {
    const peer = await starting;
    const sink = ability(peer, 'sink');
    return throughput(peer, (seconds) => sink(1, 64, seconds));
  };
  return [
    {
      scope: 'sink',
      title: '64 B, 1 stream',
      unit: 'frames/s',
      contestants: [
        () => start(ixtPeer({ name: 'ixt, generator', handlers: 'sync' })),
        () => start(ixtPeer({ name: 'ixt, async generator', handlers: 'async' })),
        () => start(grpcPeer()),
      ],
      targets: [{ of: 'ixt, generator', against: 'grpc-js', atLeast: 20 }],
    },
  ];
}
