import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPackage, type Build, type Mutation } from '../support/build.ts';
import { lastProgress, progressAtTheEnd } from './support/progress-race.ts';
import { stressChild } from './support/run.ts';
import { NO_LOOK_ANYWAY, silentMoments } from './support/silence.ts';

/** Within this time the stress must have noticed that a mechanism is missing, in seconds. It takes two or three. */
const ARM_SECONDS = 30;
/** For this long the same race must do no harm while the mechanism is there, in seconds. */
const COUNTER_SECONDS = 2;

/**
 * Each arm takes one mechanism away, and the stress must fail: what it would not notice, it doesn't test. So that this is no matter
 * of luck, the build also widens the race that the mechanism decides, until most tries meet it. The counter-arm is that build with
 * the mechanism in place, and must pass: the widening alone breaks nothing.
 */
interface Arm {
  readonly mechanism: string;
  /** What happens without it. */
  readonly harm: string;
  readonly removal: Mutation;
  /** None where the handlers or the host bring the race about. */
  readonly widening?: Mutation;
  readonly run: (build: Build, seconds: number) => Promise<unknown>;
  /** What the stress says of the harm, so that no other failure passes for it. */
  readonly breach: RegExp;
}

/** Code that waits until a worker has committed a frame, `ms` at most, and then until it has found the lock taken. */
const untilCommitted = (rings: string, ms: number): string => `{
  const end = performance.now() + ${ms};
  while (performance.now() < end && !${rings}.some((ring) => ring.pending > 0));
  const tried = performance.now() + 1;
  while (performance.now() < tried);
}`;

/** On a busy machine a thread may take longer to end than a process waits for it: that is another matter. */
const PATIENCE: Mutation = {
  file: 'src/main/process/exit.ts',
  find: 'const THREADS_MS = 500;',
  replace: 'const THREADS_MS = 20_000;',
};

const KILLS = { workers: 2, streamsPerWorker: 1, cancelGraceMs: 10, pauses: false } as const;

const ARMS: readonly Arm[] = [
  {
    mechanism: 'the revoke',
    harm: 'frames of ended workers are seen behind their terminal frames',
    removal: {
      file: 'src/main/workers/worker-writes.ts',
      find: 'this.#lock.revoke(signals.slot);',
      replace: '',
    },
    // Between the revoke, behind which main sends the terminal frames, and the thread's end.
    widening: {
      file: 'src/main/workers/pool.ts',
      find: '() => this.#lingering.end(worker, lingerMs)',
      replace: '() => void setTimeout(() => this.#lingering.end(worker, lingerMs), 50)',
    },
    run: (build, seconds) =>
      stressChild({
        build,
        seed: 1,
        seconds,
        methods: ['wait-async', 'flood-async', 'send-async', 'slow-stop'],
        // Neighbours on the same thread still send when it is ended.
        child: { ...KILLS, transport: 'blocking pipe', streamsPerWorker: 3 },
      }),
    // 70: the thread still wrote when it was ended, and nobody can tell how much.
    breach: /for a stream that has ended|framing|checksum|should follow|but came|ended by itself: 70/,
  },
  {
    mechanism: 'the second look of workers',
    harm: 'a frame stands still',
    removal: {
      file: 'src/shared-memory/write-lock.ts',
      find: '} while (this.#pendingAnywhere());',
      replace: '} while (false);',
    },
    // Between the last look at the rings and the release.
    widening: {
      file: 'src/shared-memory/write-lock.ts',
      find: 'if (!found) return true;',
      replace: `if (!found) { ${untilCommitted('this.#rings', 20)} return true; }`,
    },
    run: (build, seconds) =>
      silentMoments({
        build,
        seed: 1,
        seconds,
        transport: 'blocking pipe',
        senders: 2,
        workers: 2,
        jitterNs: 3_000_000,
      }),
    breach: /a frame stands still/,
  },
  {
    mechanism: 'the second look of main',
    harm: 'a frame stands still',
    removal: {
      file: 'src/main/output/outlet.ts',
      find: 'if (this.#lock.pendingAnywhere())',
      replace: 'if (false)',
    },
    // Between main's last look at the rings and its release.
    widening: {
      file: 'src/shared-memory/write-lock.ts',
      find: 'this.#held = false;',
      replace: `${untilCommitted('this.rings', 5)} this.#held = false;`,
    },
    run: (build, seconds) =>
      silentMoments({
        build,
        seed: 1,
        seconds,
        transport: 'blocking pipe',
        senders: 1,
        workers: 1,
        jitterNs: 4_000_000,
      }),
    breach: /a frame stands still/,
  },
  {
    mechanism: 'the recovery of the lock from a dead worker',
    harm: 'everything stands still',
    removal: {
      file: 'src/main/workers/pool.ts',
      find: "lock.inherit(signals.slot) === 'unknown'",
      replace: 'false',
    },
    // `exit-holding` exits with the lock in its hands.
    run: (build, seconds) =>
      stressChild({
        build,
        seed: 1,
        seconds,
        methods: ['exit-holding', 'stubborn'],
        child: { ...KILLS, transport: 'blocking pipe' },
      }),
    breach: /no answer to health|no terminal frame|no frame/,
  },
  {
    mechanism: 'the spill',
    harm: 'what a worker had committed before it exited is lost',
    removal: {
      file: 'src/main/workers/worker-writes.ts',
      find: 'this.#outlet.spill(signals.slot);',
      replace: '',
    },
    // Main keeps the lock after each write: what workers commit before they exit is in their rings then.
    widening: {
      file: 'src/main/output/sink.ts',
      find: 'done(error ?? undefined)',
      replace: 'void setTimeout(done, 50, error ?? undefined)',
    },
    run: (build, seconds) =>
      stressChild({
        build,
        seed: 1,
        seconds,
        methods: ['exit'],
        child: { ...KILLS, transport: 'blocking pipe' },
      }),
    // What is lost may be the last frame of a handler that ended in time.
    // What main had begun to write goes on with bytes of the ring's next thread.
    breach: /ended with workerCrashed after|no terminal frame|checksum/,
  },
  {
    mechanism: 'the look for the terminal frame as progress is written',
    harm: 'progress comes behind the end of its stream',
    removal: {
      file: 'src/main/streams/progress-frames.ts',
      find: ' || entry.terminalCommitted',
      replace: '',
    },
    run: (build, seconds) => progressAtTheEnd({ build, seed: 1, seconds }),
    breach: /a frame behind the terminal one/,
  },
  {
    mechanism: 'the exchange by which main takes progress',
    harm: 'the last value is lost, or torn',
    removal: {
      file: 'src/shared-memory/progress-slot.ts',
      find: 'this.#own = Atomics.exchange(this.#words, THIRD, this.#own) & NUMBER;\n    const start',
      replace: 'Atomics.store(this.#words, THIRD, this.#own); this.#own = third & NUMBER;\n    const start',
    },
    // Between the look and the exchange, in which a worker replaces the value.
    widening: {
      file: 'src/shared-memory/progress-slot.ts',
      find: '=== 0) return undefined;',
      replace: `=== 0) return undefined;
    const third = Atomics.load(this.#words, THIRD);
    const end = performance.now() + 3;
    while (performance.now() < end);`,
    },
    run: (build, seconds) => lastProgress({ build, seed: 1, seconds }),
    breach: /a frame stands still|a value that nobody has set/,
  },
];

for (const { mechanism, harm, removal, widening, run, breach } of ARMS) {
  const widened = [PATIENCE, NO_LOOK_ANYWAY, ...(widening === undefined ? [] : [widening])];

  test(`without ${mechanism}, ${harm}`, async (t) => {
    const build = await buildPackage([...widened, removal]);
    await assert.rejects(run(build, ARM_SECONDS), (error: Error) => {
      const [said = ''] = error.message.split('\n', 1);
      // Another failure is shown with all that it says.
      if (!breach.test(said)) throw error;
      t.diagnostic(said);
      return true;
    });
  });

  test(`with ${mechanism}, the same race does no harm`, async () => {
    await run(await buildPackage(widened), COUNTER_SECONDS);
  });
}
