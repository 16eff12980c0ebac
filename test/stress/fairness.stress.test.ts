import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostStream } from '../../src/host/index.ts';
import { MAX_CREDIT } from '../../src/wire/flow-limits.ts';
import { buildPackage } from '../support/build.ts';
import { StressChild } from '../support/stress-child.ts';

/** What main itself has to say must not wait for longer, in ms, while the host reads. */
const LATE_MS = 2_000;
/** The host reads slower than the handlers send, so that every ring is full: for 5 ms, and then not for 15. */
const READING_MS = 5;
const PAUSE_MS = 15;
const ROUNDS = 5;
/** Of each worker that exits: more than its ring holds. */
const FRAMES = 400;

test('what a dead worker left, its terminal frame, and answers get their turn beside workers that flood', async (t) => {
  const build = await buildPackage();
  const child = new StressChild({
    command: [...build.serve('stress'), '--workers', '4'],
    transport: 'socket',
  });
  t.after(() => child.kill());
  await child.session.initialize();
  const pauses = setInterval(() => {
    child.pauseReading();
    setTimeout(() => child.resumeReading(), PAUSE_MS);
  }, READING_MS + PAUSE_MS);
  t.after(() => clearInterval(pauses));
  const options = { initialCredit: MAX_CREDIT, autoCredit: false };
  const firehose = (count: number): HostStream =>
    child.session.openStream('firehose', { ...options, metadata: { max: '60000', count: String(count) } });
  for (let flood = 0; flood < 3; flood++) void drain(firehose(-1));
  for (let round = 0; round < ROUNDS; round++) {
    const exiting = firehose(FRAMES);
    const frames = drain(exiting);
    // Its last frames are in a full ring when it goes; what follows them is main's to send.
    for (let ended = false; !ended;) {
      ended = await inTime(Promise.race([frames.then(() => true), child.session.health().then(() => false)]));
    }
    assert.equal(await frames, FRAMES);
  }
  assert.deepEqual(child.session.violations.map(String), []);
});

/** What `work` gives, unless it takes too long. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing of main's came for ${LATE_MS} ms`)), LATE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads to the end, whatever it is. @returns the number of frames */
async function drain(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let frames = 0;
  try {
    for await (const payload of stream) if (payload.length > 0) frames++;
  } catch {
    // The worker's death is what is wanted.
  }
  return frames;
}
