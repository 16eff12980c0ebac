import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPackage } from '../support/build.ts';
import { stressChild, type StressFigures } from './support/run.ts';

/** How long, in all. */
const SECONDS = Number(process.env['IXT_STRESS_SECONDS'] ?? 10);
/** What all is drawn from; printed, so that a run can be repeated. */
const SEED = Number(process.env['IXT_STRESS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** One child alone, by its own seed: what a failure says. */
const CHILD = process.env['IXT_STRESS_CHILD'];
/** Every payload has at least so many bytes, for a stress of large frames; left out, most are small. */
const BULK = process.env['IXT_STRESS_BULK_BYTES'];
const bulkBytes = BULK === undefined ? undefined : Number(BULK);
/**
 * Children at a time. With three this process itself waits for a processor, and takes that for the module's delay; with large
 * frames, whose every byte it checks, it does so with two.
 */
const LANES = BULK === undefined ? 2 : 1;
/** Time for one child, in seconds. */
const CHILD_SECONDS = 5;
/** How many workers must have died; the run goes on until they have. */
const DEATHS = Number(process.env['IXT_STRESS_DEATHS'] ?? 1);
/** A machine that is too slow for that many deaths fails here, in seconds. */
const MAX_SECONDS = Math.max(540, SECONDS);

test('whatever dies, no frame is torn, lost, doubled, reordered or late, and nothing stands still', async (t) => {
  const build = await buildPackage();
  const total: StressFigures = { frames: 0, bytes: 0, streams: 0, deaths: 0, failStops: 0, maxHealthMs: 0 };
  const add = (figures: StressFigures): void => {
    total.frames += figures.frames;
    total.bytes += figures.bytes;
    total.streams += figures.streams;
    total.deaths += figures.deaths;
    total.failStops += figures.failStops;
    total.maxHealthMs = Math.max(total.maxHealthMs, figures.maxHealthMs);
  };
  let children = 0;
  if (CHILD !== undefined) {
    add(await stressChild({ build, seed: Number(CHILD), seconds: SECONDS, bulkBytes }));
    children = 1;
  } else {
    console.log(
      `the stress: IXT_STRESS_SEED=${SEED} IXT_STRESS_SECONDS=${SECONDS}${BULK === undefined ? '' : ` IXT_STRESS_BULK_BYTES=${BULK}`}`,
    );
    const end = performance.now() + (SECONDS - CHILD_SECONDS) * 1_000;
    const latest = performance.now() + MAX_SECONDS * 1_000;
    const lane = async (): Promise<void> => {
      while (performance.now() < end || (total.deaths < DEATHS && performance.now() < latest)) {
        add(await stressChild({ build, seed: SEED + children++, seconds: CHILD_SECONDS, bulkBytes }));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
  console.log(`the stress: ${children} children, ${JSON.stringify(total)}`);
  t.diagnostic(`${children} children, ${JSON.stringify(total)}`);
  assert.ok(total.deaths >= DEATHS, `only ${total.deaths} workers have died`);
});
