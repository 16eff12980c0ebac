import type { Contest, Contestant, Target } from '../harness/contest.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { ixtPeer } from '../peers/ixt.ts';
import { jsonRpcPeer } from '../peers/json-rpc.ts';
import type { Peer } from '../peers/peer.ts';
import { rawPipePeer } from '../peers/raw-pipe.ts';
import { ability, throughput } from './end-to-end.ts';

const SYNC = 'ixt, generator';
const ASYNC = 'ixt, async generator';

/** Host → handler → host, as many frames on the way as the windows allow. */
export function echoContests(): Contest[] {
  return [
    contest(1, 64, ['sync', 'async', 'grpc', 'json', 'raw'], [grpc(SYNC, 20), json(SYNC, 20)]),
    contest(16, 64, ['async', 'grpc', 'json'], [grpc(ASYNC, 20), json(ASYNC, 20)]),
    contest(
      1,
      65_536,
      ['sync', 'async', 'grpc', 'json', 'raw'],
      [grpc(SYNC, 2.5), { of: SYNC, against: 'raw pipe', atLeast: 0.6 }],
    ),
    contest(16, 65_536, ['async', 'grpc'], [grpc(ASYNC, 2.5)]),
  ];
}

type Who = 'sync' | 'async' | 'grpc' | 'json' | 'raw';

function contest(
  streams: number,
  payloadBytes: number,
  who: readonly Who[],
  targets: readonly Target[],
): Contest {
  const start = async (one: Who): Promise<Contestant> => {
    const peer = await PEERS[one]();
    const echo = ability(peer, 'echo');
    return throughput(peer, (seconds) => echo(streams, payloadBytes, seconds));
  };
  return {
    scope: 'echo',
    title: `${payloadBytes} B, ${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    unit: 'frames/s',
    contestants: who.map((one) => () => start(one)),
    targets,
  };
}

const PEERS: Readonly<Record<Who, () => Promise<Peer>>> = {
  sync: () => ixtPeer({ name: SYNC, handlers: 'sync' }),
  async: () => ixtPeer({ name: ASYNC, handlers: 'async' }),
  grpc: grpcPeer,
  json: jsonRpcPeer,
  raw: () => rawPipePeer(),
};

function grpc(of: string, atLeast: number): Target {
  return { of, against: 'grpc-js', atLeast };
}

function json(of: string, atLeast: number): Target {
  return { of, against: 'vscode-jsonrpc', atLeast };
}
