import type { Carrier, Contest, Contestant, Measurement, Target } from '../harness/contest.ts';
import type { BenchOptions } from '../harness/options.ts';
import { peakResidentBytes } from '../harness/thread-times.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { LARGE_MESSAGE_WINDOW } from '../peers/grpc-service.ts';
import { ixtPeer } from '../peers/ixt.ts';
import { nativeModule } from '../peers/native-module.ts';
import type { Peer, Transfer } from '../peers/peer.ts';
import { rawPipePeer } from '../peers/raw-pipe.ts';
import { ability, throughput } from './end-to-end.ts';
import { Pace } from './writer.ts';

const OURS = 'ixt';
const RAW = 'raw bytes';
const NATIVE = 'C++ child';
const GRPC = 'grpc-js';

type Way = 'sink' | 'source' | 'echo';

/** By how much each way is wanted to beat the others. */
const GOALS: Readonly<
  Record<Way, { readonly raw: number; readonly grpc: number; readonly childCpu: number }>
> = {
  sink: { raw: 0.7, grpc: 4, childCpu: 1.4 },
  source: { raw: 0.7, grpc: 4, childCpu: 1.2 },
  echo: { raw: 0.6, grpc: 2.5, childCpu: 1.9 },
};

const CARRIERS: readonly Carrier[] = ['pipes', 'socket pairs'];

/** Large payloads: how near to the bytes of the pipe, at what cost for the child, and with how much memory. */
export function bulkContests(options: BenchOptions): Contest[] {
  return CARRIERS.flatMap((carrier) => [
    ...(['sink', 'source', 'echo'] as const).flatMap((way) =>
      [65_536, 1_048_576].flatMap((payloadBytes) =>
        [1, 4].map((streams) => transfer(options, carrier, way, payloadBytes, streams)),
      ),
    ),
    ...[65_536, 1_048_576].map((payloadBytes) => memory(options, carrier, payloadBytes)),
  ]);
}

function transfer(
  options: BenchOptions,
  carrier: Carrier,
  way: Way,
  payloadBytes: number,
  streams: number,
): Contest {
  const goals = GOALS[way];
  const start = (startPeer: () => Promise<Peer>) => async (): Promise<Contestant> => {
    const peer = await startPeer();
    return inBytes(payloadBytes, throughput(peer, measurer(peer, way, payloadBytes, streams)));
  };
  const childCpu: Target = { of: OURS, against: NATIVE, detail: CHILD_CPU };
  return {
    scope: 'bulk',
    kind: way,
    carrier,
    title: `${way} of ${sizeName(payloadBytes)}, ${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    unit: 'MB/s',
    contestants: PEERS.filter(({ isThere }) => isThere(options)).map(({ open }) =>
      start(() => open(options, carrier, way, streams)),
    ),
    targets: [
      { of: OURS, against: RAW, atLeast: goals.raw },
      { of: OURS, against: GRPC, atLeast: goals.grpc },
      payloadBytes === 65_536 ? { ...childCpu, atMost: goals.childCpu } : childCpu,
      { of: OURS, against: RAW, detail: CHILD_CPU },
    ],
  };
}

/** The child's peak of resident memory while so much goes through 4 sinks. */
function memory(options: BenchOptions, carrier: Carrier, payloadBytes: number): Contest {
  const streams = 4;
  const contestant =
    ({ name, open }: Entrant) =>
    (): Promise<Contestant> =>
      Promise.resolve({
        name,
        // A child for each round: a peak stays.
        async measure(seconds) {
          const peer = await open(options, carrier, 'sink', streams);
          try {
            const before = peakResidentBytes(peer.pid);
            const run = measurer(peer, 'sink', payloadBytes, streams);
            for (let left = options.megabytes * 2 ** 20; left > 0;) {
              left -= (await run(seconds)).frames * payloadBytes;
            }
            const details = { 'before, MB': before / 1e6 };
            return { value: peakResidentBytes(peer.pid) / 1e6, details };
          } finally {
            await peer.close();
          }
        },
        close: () => Promise.resolve(),
      });
  return {
    scope: 'bulk',
    kind: 'memory',
    carrier,
    title: `memory while ${options.megabytes} MiB go through ${streams} sinks of ${sizeName(payloadBytes)}`,
    unit: 'MB of RSS, peak',
    contestants: PEERS.filter(({ isThere }) => isThere(options)).map(contestant),
    targets: [
      { of: OURS, atMost: 110 },
      { of: OURS, against: GRPC },
    ],
  };
}

/** One that takes part in every contest of this scope. */
interface Entrant {
  readonly name: string;
  readonly isThere: (options: BenchOptions) => boolean;
  readonly open: (options: BenchOptions, carrier: Carrier, way: Way, streams: number) => Promise<Peer>;
}

const PEERS: readonly Entrant[] = [
  {
    name: OURS,
    isThere: () => true,
    // One stream has a worker to itself; four on two workers share them, and so are asynchronous.
    open: (_options, carrier, _way, streams) =>
      ixtPeer({
        name: OURS,
        transport: transportOf(carrier),
        handlers: streams === 1 ? 'sync' : 'async',
      }),
  },
  {
    name: RAW,
    isThere: () => true,
    open: (_options, carrier, way) => rawPipePeer({ name: RAW, way, transport: transportOf(carrier) }),
  },
  {
    name: NATIVE,
    isThere: (options) => nativeModule(options.root) !== undefined,
    open: (options, carrier) => {
      const program = nativeModule(options.root);
      if (program === undefined) throw new Error('The C++ module is not built.');
      return ixtPeer({ name: NATIVE, transport: transportOf(carrier), command: [program] });
    },
  },
  { name: GRPC, isThere: () => true, open: () => grpcPeer(LARGE_MESSAGE_WINDOW) },
];

export function transportOf(carrier: Carrier): 'pipe' | 'socket' {
  return carrier === 'pipes' ? 'pipe' : 'socket';
}

function measurer(
  peer: Peer,
  way: Way,
  payloadBytes: number,
  streams: number,
): (seconds: number) => Promise<Transfer> {
  if (way !== 'source') {
    const run = ability(peer, way);
    return (seconds) => run(streams, payloadBytes, seconds);
  }
  const run = ability(peer, way);
  const pace = new Pace(payloadBytes);
  return async (seconds) => {
    const transfer = await run(streams, payloadBytes, pace.frames(seconds, streams));
    pace.rate(transfer.frames, transfer.seconds);
    return transfer;
  };
}

const CHILD_CPU = 'child µs';

/** Frames a second as megabytes a second (each way, of an echo), and all that the child spends on a frame as one figure. */
function inBytes(payloadBytes: number, contestant: Contestant): Contestant {
  return {
    ...contestant,
    async measure(seconds): Promise<Measurement> {
      const { value, details = {} } = await contestant.measure(seconds);
      const child = (details['child main µs'] ?? 0) + (details['child threads µs'] ?? 0);
      return { value: (value * payloadBytes) / 1e6, details: { ...details, [CHILD_CPU]: child } };
    },
  };
}

function sizeName(bytes: number): string {
  return bytes < 1 << 20 ? `${bytes >> 10} KiB` : `${bytes >> 20} MiB`;
}
