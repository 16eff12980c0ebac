import type { Contest, Contestant } from '../harness/contest.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { ixtPeer } from '../peers/ixt.ts';
import type { Peer } from '../peers/peer.ts';
import { ability, throughput } from './end-to-end.ts';

/** Streams that carry nothing: what an open and a close cost. */
export function openContests(): Contest[] {
  return [1, 64].map((concurrent) => {
    const start = async (starting: Promise<Peer>): Promise<Contestant> => {
      const peer = await starting;
      const open = ability(peer, 'open');
      return throughput(peer, (seconds) => open(concurrent, seconds));
    };
    return {
      scope: 'open',
      title: concurrent === 1 ? 'one after the other' : `${concurrent} at a time`,
      unit: 'streams/s',
      contestants: [
        () => start(ixtPeer({ name: 'ixt, generator', handlers: 'sync' })),
        () => start(ixtPeer({ name: 'ixt, async function', handlers: 'async' })),
        () => start(grpcPeer()),
      ],
      targets: [
        { of: 'ixt, generator', against: 'grpc-js', atLeast: 3 },
        { of: 'ixt, async function', against: 'grpc-js', atLeast: 3 },
      ],
    };
  });
}
