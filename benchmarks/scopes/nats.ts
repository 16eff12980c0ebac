import type { Contest, Contestant, Target } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { ixtPeer, spawnLoadModule, type HandlerKind } from '../peers/ixt.ts';
import { natsPeer, startNodes } from '../peers/nats/nodes.ts';
import { plainNatsPeer } from '../peers/nats/plain.ts';
import { hasNatsServer } from '../peers/nats/processes.ts';
import type { Peer } from '../peers/peer.ts';
import { computing, pictureTask } from './cpu.ts';
import { ability, latency, throughput } from './end-to-end.ts';
import { placement } from './nats-placement.ts';

const OURS = 'ixt over NATS';
const PLAIN = 'plain NATS';
const PIPE = 'ixt over a pipe';

/** What a module costs behind NATS, beside plain messages through the same server and beside the pipe. Needs `nats-server`. */
export function natsContests(options: BenchOptions): Contest[] {
  if (!hasNatsServer()) {
    process.stderr.write('There is no scope nats in this run: it needs the program nats-server.\n');
    return [];
  }
  return [
    echo(64, 1, 1),
    echo(65_536, 1, 0.6),
    echo(65_536, 4),
    {
      scope: 'nats',
      kind: 'end to end',
      title: '64 B there and back, idle, p50',
      unit: 'µs',
      contestants: peers('sync', (peer) => {
        const ping = ability(peer, 'ping');
        return latency(peer, () => ping(64));
      }),
      targets: [
        { of: OURS, against: PLAIN, atMost: 1.3 },
        { of: OURS, against: PIPE },
      ],
    },
    open(1, [
      { of: OURS, against: PLAIN, atLeast: 0.33 },
      { of: OURS, against: PIPE },
    ]),
    open(64, [
      { of: OURS, against: PIPE, atLeast: 0.5 },
      { of: OURS, against: PLAIN },
    ]),
    picture(options),
    ...placement(options),
  ];
}

function peers(handlers: HandlerKind, measure: (peer: Peer) => Contestant): (() => Promise<Contestant>)[] {
  return [
    async () => measure(await natsPeer(OURS, handlers)),
    async () => measure(await plainNatsPeer(PLAIN)),
    async () => measure(await ixtPeer({ name: PIPE, handlers })),
  ];
}

function echo(payloadBytes: number, streams: number, atLeast?: number): Contest {
  return {
    scope: 'nats',
    kind: 'end to end',
    title: `echo of ${payloadBytes} B, ${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    unit: 'frames/s',
    contestants: peers(streams === 1 ? 'sync' : 'async', (peer) => {
      const run = ability(peer, 'echo');
      return throughput(peer, (seconds) => run(streams, payloadBytes, seconds));
    }),
    targets: [
      { of: OURS, against: PLAIN, ...(atLeast === undefined ? {} : { atLeast }) },
      { of: OURS, against: PIPE },
    ],
  };
}

/** Of plain NATS: a request and its answer, since it has no streams. */
function open(concurrent: number, targets: readonly Target[]): Contest {
  return {
    scope: 'nats',
    kind: 'end to end',
    title: `open and close, ${concurrent === 1 ? 'one after the other' : `${concurrent} at a time`}`,
    unit: 'streams/s',
    contestants: peers('sync', (peer) => {
      const run = ability(peer, 'open');
      return throughput(peer, (seconds) => run(concurrent, seconds));
    }),
    targets,
  };
}

/** The same task on nodes of one worker each, and on as many workers of one child. */
function picture(options: BenchOptions): Contest {
  const task = pictureTask(options);
  const onNodes = (nodes: number) => async (): Promise<Contestant> => {
    const { module, close } = await startNodes({ nodes, workers: 1 });
    return computing(nodesName(nodes), module, task, close);
  };
  const onPipe = (workers: number) => async (): Promise<Contestant> => {
    const module = spawnLoadModule({ workers });
    await module.initialize();
    return computing(workersName(workers), module, task, async () => void (await module.close()));
  };
  return {
    scope: 'nats',
    kind: 'picture',
    title: 'mandelbrot, 1 worker a node',
    unit: 'pictures/s',
    contestants: [onNodes(1), onNodes(2), onPipe(1), onPipe(2)],
    targets: [
      { of: nodesName(2), against: nodesName(1), atLeast: 1.7 },
      { of: nodesName(2), against: workersName(2), atLeast: 0.9 },
      { of: nodesName(1), against: workersName(1), atLeast: 0.9 },
    ],
  };
}

function nodesName(nodes: number): string {
  return `${OURS}, ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`;
}

function workersName(workers: number): string {
  return `${PIPE}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
}
