import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPayload } from '../../fixtures/stress-payload.ts';
import type { Build, Mutation } from '../../support/build.ts';
import { StressChild, type StressTransport } from '../../support/stress-child.ts';
import { TICK_MS } from '../../support/stress-clock.ts';

/** A frame that isn't there after this long stands still, in ms. */
const STALL_MS = 2_000;
/** From the writing of a moment to the moment, in nanoseconds: both threads must have read it by then. */
const LEAD_NS = 150_000n;

/**
 * Main looks at lock and rings once a second, for handlers that are cut off before they can tell. A build without that shows what
 * those looks would mend before anybody misses it.
 */
export const NO_LOOK_ANYWAY: Mutation = {
  file: 'src/main/main.ts',
  find: 'this.#pool.lookAgain();',
  replace: '',
};

export interface SilenceOptions {
  readonly build: Build;
  readonly seed: number;
  readonly seconds: number;
  readonly transport: StressTransport;
  /** Handlers that send at the same moment. With one, main writes at that moment: it answers to `health`. */
  readonly senders: 1 | 2;
  /**
   * How many there are. A frame is overlooked if it is committed between a holder's last look at its ring and the release, and if
   * its worker tries the lock in that time, too. The rings of idle workers make the holder take as long for its look as the other
   * for its try.
   */
  readonly workers: number;
  /** What spreads the frames, in nanoseconds: about as long as one write takes. */
  readonly jitterNs: number;
}

/**
 * Several threads commit one frame each at the same moment, and then all are silent until every frame has come: whoever holds the
 * lock at that moment and overlooks a neighbour's frame is seen, since no later frame can carry it along. The moments come to the
 * handlers by FIFOs, so that nothing on the wire wakes anybody.
 *
 * @returns how many moments there were
 * @throws Error for a frame that didn't come, or was wrong
 */
export async function silentMoments(options: SilenceOptions): Promise<number> {
  const { build, seed, seconds, transport, senders, workers, jitterNs } = options;
  const folder = mkdtempSync(join(tmpdir(), 'ixt-silence-'));
  let breach: string | undefined;
  const child = new StressChild({
    command: [...build.serve('stress'), '--workers', String(workers)],
    transport,
    onViolation: (violation) => (breach ??= String(violation)),
  });
  const fifos: number[] = [];
  try {
    await child.session.initialize();
    const streams = Array.from({ length: senders }, (_, tag) => {
      const go = join(folder, String(tag));
      if (spawnSync('mkfifo', [go]).status !== 0) throw new Error('mkfifo failed');
      // Held for reading too, so that it opens at once and outlives the handler.
      fifos.push(openSync(go, constants.O_RDWR));
      const metadata = { tag: String(tag), seed: String(seed + tag), go, jitter: String(jitterNs) };
      return child.session.openStream('metronome', {
        metadata,
        initialCredit: 2 ** 31 - 1,
        autoCredit: false,
      });
    });
    const end = performance.now() + seconds * 1_000;
    let moment = 0;
    for (; performance.now() < end && breach === undefined; moment++) {
      const at = new BigUint64Array([process.hrtime.bigint() + LEAD_NS]);
      for (const fifo of fifos) writeSync(fifo, at);
      const frames = streams.map(async (stream, tag) => {
        const { value } = await stream.next();
        const wrong = value === undefined ? 'the stream has ended' : checkPayload(value, tag, moment);
        if (wrong !== undefined) throw new Error(wrong);
      });
      const answers = senders === 1 ? [child.session.health()] : [];
      await inTime(Promise.all([...frames, ...answers]), `moment ${moment}, seed ${seed}`);
    }
    if (breach !== undefined) throw new Error(breach);
    return moment;
  } catch (error) {
    throw new Error(`${String(error)}\nstderr:\n${child.stderr.slice(-4_000)}`, { cause: error });
  } finally {
    child.kill();
    await child.exited;
    for (const fifo of fifos) closeSync(fifo);
    rmSync(folder, { recursive: true });
  }
}

/** @throws Error if `work` takes longer than anything may that is owed */
export async function inTime(work: Promise<unknown>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  // In ticks, since a time in which this process itself got no processor doesn't count.
  let ticks = STALL_MS / TICK_MS;
  const late = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (--ticks === 0) reject(new Error(`a frame stands still for ${STALL_MS} ms: ${what}`));
    }, TICK_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearInterval(timer);
  }
}
