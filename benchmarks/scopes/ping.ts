import type { Contest, Contestant } from '../harness/contest.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { ixtPeer } from '../peers/ixt.ts';
import { jsonRpcPeer } from '../peers/json-rpc.ts';
import type { Peer } from '../peers/peer.ts';
import { rawPipePeer } from '../peers/raw-pipe.ts';
import { ability, latency } from './end-to-end.ts';

/** One frame there and back, with nothing else on the way. */
export function pingContests(): Contest[] {
  const start = async (starting: Promise<Peer>): Promise<Contestant> => {
    const peer = await starting;
    const ping = ability(peer, 'ping');
    return latency(peer, () => ping(64));
  };
  return [
    {
      scope: 'ping',
      title: '64 B, idle, p50',
      unit: 'µs',
      contestants: [
        () => start(ixtPeer({ name: 'ixt, generator', handlers: 'sync' })),
        () => start(ixtPeer({ name: 'ixt, async generator', handlers: 'async' })),
        () => start(grpcPeer()),
        () => start(jsonRpcPeer()),
        () => start(rawPipePeer()),
      ],
      inverted: true,
      targets: [
        { of: 'ixt, generator', against: 'grpc-js', atLeast: 3 },
        { of: 'ixt, async generator', against: 'grpc-js', atLeast: 3 },
        { of: 'ixt, generator', against: 'raw pipe' },
      ],
    },
  ];
}
