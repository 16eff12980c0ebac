import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPackage, type Mutation } from '../support/mutated-build.ts';
import { stressChild } from '../support/stress-run.ts';
import { silentMoments } from '../support/stress-silence.ts';

/**
 * Within this time the stress must have noticed that a mechanism is missing, in seconds. It takes about 10 on a machine
 * that is not busy otherwise.
 */
const SECONDS = 90;

/**
 * Each of these takes one mechanism away, and the stress must fail: what it would not notice, it doesn't test. The expected breach
 * is named, so that no other failure passes for it.
 */
const NO_REVOKE: Mutation = {
  file: 'src/main/pool.ts',
  find: 'this.#lock.revoke(slot);',
  replace: '',
};
const NO_SECOND_LOOK_OF_WORKERS: Mutation = {
  file: 'src/shared-memory/write-lock.ts',
  find: '} while (this.#pendingAnywhere());',
  replace: '} while (false);',
};
const NO_SECOND_LOOK_OF_MAIN: Mutation = {
  file: 'src/main/outlet.ts',
  find: 'if (this.#lock.pendingAnywhere()) return this.#turn();',
  replace: '',
};
const NO_RECOVERY: Mutation = {
  file: 'src/main/pool.ts',
  find: "if (slot !== undefined && this.#lock.inherit(slot) === 'unknown')",
  replace: 'if (false)',
};
const NO_SPILL: Mutation = {
  file: 'src/main/pool.ts',
  find: 'this.#outlet.spill(slot);',
  replace: '',
};

const KILLS = { workers: 2, streamsPerWorker: 1, cancelGraceMs: 10, pauses: false } as const;

test('without the revoke, frames of ended workers are seen behind their terminal frames', async () => {
  const build = await buildPackage([NO_REVOKE]);
  const run = stressChild({
    build,
    seed: 1,
    seconds: SECONDS,
    methods: ['wait-async', 'flood-async', 'send-async', 'slow-stop'],
    // Neighbours on the same thread still send when it is ended.
    child: { ...KILLS, transport: 'blocking pipe', streamsPerWorker: 3 },
  });
  await assert.rejects(run, /for a stream that has ended|framing|checksum|should follow|but came/);
});

test('without the second look of workers, a frame stands still', async () => {
  const build = await buildPackage([NO_SECOND_LOOK_OF_WORKERS]);
  await assert.rejects(
    silentMoments({
      build,
      seed: 1,
      seconds: SECONDS,
      transport: 'blocking pipe',
      senders: 2,
      jitterNs: 60_000,
    }),
    /a frame stands still/,
  );
});

test('without the second look of main, a frame stands still', async () => {
  const build = await buildPackage([NO_SECOND_LOOK_OF_MAIN]);
  await assert.rejects(
    silentMoments({
      build,
      seed: 1,
      seconds: SECONDS,
      transport: 'blocking pipe',
      senders: 1,
      jitterNs: 300_000,
    }),
    /a frame stands still/,
  );
});

test('without the recovery of the lock from a dead worker, everything stands still', async () => {
  const build = await buildPackage([NO_RECOVERY]);
  const run = stressChild({
    build,
    seed: 1,
    seconds: SECONDS,
    methods: ['exit-holding', 'stubborn'],
    child: { ...KILLS, transport: 'blocking pipe' },
  });
  await assert.rejects(run, /no answer to health|no terminal frame|no frame/);
});

test('without the spill, what a worker had committed before it exited is lost', async () => {
  const build = await buildPackage([NO_SPILL]);
  const run = stressChild({
    build,
    seed: 1,
    seconds: SECONDS,
    methods: ['exit', 'flood'],
    child: { ...KILLS, transport: 'blocking pipe' },
  });
  await assert.rejects(run, /ended with workerCrashed after/);
});
