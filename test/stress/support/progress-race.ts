import { SeededRandom } from '../../fixtures/stress-random.ts';
import type { HostStream } from '../../../src/host/index.ts';
import { FrameLedger } from '../../../src/testing/frame-ledger.ts';
import type { Build } from '../../support/build.ts';
import { StressChild } from '../../support/stress-child.ts';
import { inTime } from './silence.ts';

export interface ProgressRace {
  readonly build: Build;
  readonly seed: number;
  readonly seconds: number;
}

/** Streams at a time, on two workers. A synchronous one has its worker to itself until the host has seen its value. */
const STREAMS = 24;
const SYNCHRONOUS = 6;
/** The longest time between the two values of a stream, in µs: main takes the first one meanwhile. */
const BETWEEN_US = 3_000;

/**
 * Streams that set a value as their last step, again and again, so that main's write of it races their terminal frame.
 *
 * @throws Error for a frame behind a terminal one, or a stream that doesn't end
 */
export function progressAtTheEnd(race: ProgressRace): Promise<void> {
  return underRace(race, async (child, round) => {
    const ends = Array.from({ length: STREAMS }, async (_, at) => {
      const method = at % 2 === 0 ? 'ends' : 'endsLater';
      const stream = child.session.openStream(method, { onProgress: () => undefined });
      for await (const _chunk of stream);
    });
    await inTime(Promise.all(ends), `the end of round ${round}`);
  });
}

/**
 * Streams that set two values, the second while main takes the first, and then wait for the host, which ends them when it has seen
 * the second.
 *
 * @throws Error for a value that doesn't come, or is none that was set
 */
export function lastProgress(race: ProgressRace): Promise<void> {
  const random = new SeededRandom(race.seed);
  return underRace(race, async (child, round) => {
    const wrong: string[] = [];
    const ends = Array.from({ length: SYNCHRONOUS }, async () => {
      const metadata = { us: String(random.between(0, BETWEEN_US)) };
      const stream: HostStream = child.session.openStream('announces', {
        metadata,
        onProgress: (value) => {
          const text = Buffer.from(value).toString();
          if (text === '"last"') stream.end();
          else if (text !== '"first"') wrong.push(text);
        },
      });
      for await (const _chunk of stream);
    });
    await inTime(Promise.all(ends), `the last value of round ${round}`);
    if (wrong.length > 0) throw new Error(`a value that nobody has set: ${wrong.join()}`);
  });
}

/** Plays rounds on a child until the time is over, and counts its frames. */
async function underRace(
  { build, seconds }: ProgressRace,
  play: (child: StressChild, round: number) => Promise<void>,
): Promise<void> {
  const frames = new FrameLedger();
  let late: string | undefined;
  const child = new StressChild({
    command: [...build.serve('progress'), '--workers', '2', '--streams-per-worker', '8'],
    transport: 'blocking pipe',
    onWire: (direction, message) => {
      const seen = direction === 'in' ? frames.see(message) : undefined;
      if (seen !== undefined && seen.counts.late > 0)
        late ??= `a frame behind the terminal one of ${seen.id}`;
    },
  });
  try {
    await child.session.initialize();
    const end = performance.now() + seconds * 1_000;
    for (let round = 0; performance.now() < end; round++) {
      await play(child, round);
      if (late !== undefined) throw new Error(late);
    }
  } finally {
    child.kill();
    await child.exited;
  }
}
