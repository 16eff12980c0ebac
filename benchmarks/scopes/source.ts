import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { launcherPrefix, LAUNCHER_DESCRIPTORS, runnerCommand } from '../../src/host/runner-command.ts';
import { siblingFile } from '../harness/sibling-file.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { dataCost, MAX_CREDIT } from '../../src/wire/flow-limits.ts';
import { streamIdFromWords } from '../../src/wire/stream-id.ts';
import type { Contest, Contestant } from '../harness/contest.ts';
import { DrainedPipe } from '../peers/drained-pipe.ts';
import { grpcPeer } from '../peers/grpc.ts';
import { ixtPeer } from '../peers/ixt.ts';
import type { Peer } from '../peers/peer.ts';
import { throughput } from './end-to-end.ts';
import { Pace, WAY_NAMES, writer } from './writer.ts';

const PAYLOAD_BYTES = 128;
const STREAMS = 4;
/** A close frame, an envelope with nothing behind its header. */
const CLOSE_BYTES = FrameEncoder.DATA_HEADER_BYTES;

/** Handler → host: what workers can put on the wire, and what a host gets of it. */
export function sourceContests(): Contest[] {
  return [
    {
      scope: 'source',
      title: `${PAYLOAD_BYTES} B, ${STREAMS} workers, the reader draining without decoding`,
      unit: 'frames/s',
      contestants: [
        () => drainedSource(STREAMS, PAYLOAD_BYTES),
        () => writer('lock', STREAMS, PAYLOAD_BYTES),
      ],
      targets: [{ of: 'ixt', against: WAY_NAMES.lock, atLeast: 10 }],
    },
    {
      scope: 'source',
      title: `${PAYLOAD_BYTES} B, ${STREAMS} streams, decoded by the host`,
      unit: 'frames/s',
      contestants: [() => decoded(ixtPeer({ workers: STREAMS })), () => decoded(grpcPeer())],
      targets: [{ of: 'ixt', against: 'grpc-js' }],
    },
  ];
}

async function decoded(starting: Promise<Peer>): Promise<Contestant> {
  const peer = await starting;
  const pace = new Pace(PAYLOAD_BYTES);
  return throughput(peer, async (seconds) => {
    const transfer = await peer.source?.(STREAMS, PAYLOAD_BYTES, pace.frames(seconds, STREAMS));
    if (transfer === undefined) throw new Error(`${peer.name} has no source.`);
    pace.rate(transfer.frames, transfer.seconds);
    return transfer;
  });
}

/** The whole SDK, with all the credit that a stream can have: nobody reads frames, so nobody grants. */
export async function drainedSource(workers: number, payloadBytes: number): Promise<Contestant> {
  const pipe = await DrainedPipe.open();
  const module = siblingFile(import.meta.url, '../modules/load.ts');
  const flags = ['--workers', String(workers), '--descriptors', LAUNCHER_DESCRIPTORS];
  const [program = '', ...args] = [...launcherPrefix(), ...runnerCommand(), 'serve', module, ...flags];
  const child = spawn(program, args, { stdio: ['pipe', pipe.writeFd, 'inherit'] });
  pipe.release();
  const pace = new Pace(payloadBytes);
  const mostFrames = Math.floor(MAX_CREDIT / dataCost(payloadBytes));
  let streams = 0;
  return {
    name: 'ixt',
    async measure(seconds) {
      const count = pace.frames(seconds, workers, mostFrames);
      const metadata = Object.entries({ count, size: payloadBytes }).map(
        ([key, value]) => [key, String(value)] as const,
      );
      const bytes = workers * (count * FrameEncoder.dataMessageBytes(payloadBytes) + CLOSE_BYTES);
      const took = await pipe.take(bytes, child, () => {
        for (let stream = 0; stream < workers; stream++) {
          const id = streamIdFromWords(0, 0, 0, streams++);
          child.stdin?.write(encodeOpenFrame(id, { method: 'source', metadata }, MAX_CREDIT));
        }
      });
      return { value: pace.rate(count * workers, took) };
    },
    async close() {
      const exited = once(child, 'exit');
      child.stdin?.end();
      const [code] = (await exited) as [number | null];
      await pipe.close();
      if (code !== 0) throw new Error(`The module ended with code ${code}.`);
    },
  };
}
