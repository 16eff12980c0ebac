import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Contest, Contestant } from '../harness/contest.ts';
import { siblingFile } from '../harness/sibling-file.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { DrainedPipe } from '../peers/drained-pipe.ts';
import type { WriterWay } from '../peers/writer-settings.ts';

export const WAY_NAMES: Readonly<Record<WriterWay, string>> = {
  ring: 'ring and combining lock',
  lock: 'lock per frame',
  funnel: 'funnel through main',
};

/** Frames from several threads to one pipe, the reader draining without decoding. */
export function writerContests(): Contest[] {
  return [128, 4_096, 65_536].flatMap((payloadBytes) =>
    [1, 2, 4].map((count) => ({
      scope: 'writer',
      title: `${payloadBytes} B, ${count} ${count === 1 ? 'thread' : 'threads'}`,
      unit: 'frames/s',
      contestants: (['ring', 'lock', 'funnel'] as const).map((way) => () => writer(way, count, payloadBytes)),
      targets: [
        {
          of: WAY_NAMES.ring,
          against: WAY_NAMES.lock,
          ...(payloadBytes > 128 ? { atLeast: 1.2 } : count === 4 ? { atLeast: 10 } : {}),
        },
        { of: WAY_NAMES.ring, against: WAY_NAMES.funnel },
      ],
    })),
  );
}

/** Threads of `peers/writer-process.ts`. */
export async function writer(way: WriterWay, threads: number, payloadBytes: number): Promise<Contestant> {
  const pipe = await DrainedPipe.open();
  const file = siblingFile(import.meta.url, '../peers/writer-process.ts');
  const child = spawn(process.execPath, [file, way, String(threads), String(payloadBytes)], {
    stdio: ['ignore', 'ignore', 'inherit', pipe.writeFd, 'ipc'],
  });
  pipe.release();
  await once(child, 'message');
  const pace = new Pace(payloadBytes);
  return {
    name: WAY_NAMES[way],
    async measure(seconds) {
      const count = pace.frames(seconds, threads);
      const bytes = count * threads * FrameEncoder.dataMessageBytes(payloadBytes);
      const took = await pipe.take(bytes, child, () => child.send({ count }));
      return { value: pace.rate(count * threads, took) };
    },
    async close() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await pipe.close();
    },
  };
}

/** How many frames make a measurement of the wanted length: as many as the last one's rate says. */
export class Pace {
  #rate: number;

  constructor(payloadBytes: number) {
    this.#rate = Math.min(200_000, 5e8 / payloadBytes);
  }

  /** For each of `writers`. @param most of one writer */
  frames(seconds: number, writers: number, most = Infinity): number {
    return Math.max(10, Math.min(most, Math.round((this.#rate * seconds) / writers)));
  }

  /** Frames a second, kept for the next measurement. */
  rate(frames: number, seconds: number): number {
    this.#rate = frames / seconds;
    return this.#rate;
  }
}
