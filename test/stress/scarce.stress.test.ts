import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../fixtures/stress-random.ts';
import { ScarceChild, WORKERS } from './support/scarce-child.ts';
import { TAKINGS, type TakingName } from './support/takings.ts';

/** How often something is taken away; the full size is 200. */
const ROUNDS = Number(process.env['IXT_STRESS_ROUNDS'] ?? 15);
const SEED = Number(process.env['IXT_STRESS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Then the next child starts, in a working folder that has not been lost yet. */
const ROUNDS_PER_CHILD = 10;
const HOUR_MS = 3_600_000;

interface RoundPlan {
  readonly what: TakingName;
  /** By how much the time of day jumps meanwhile, in ms. */
  readonly clockMs: number;
  /** How each of the workers ends that are lost: its handler exits, or it computes and its stream is cancelled. */
  readonly deaths: readonly ('exit' | 'hang')[];
  /** The workers end at the moment of the taking, instead of after it. */
  readonly isAtOnce: boolean;
  /** How long nothing is given back, in ms. */
  readonly pauseMs: number;
}

function planRound(random: SeededRandom): RoundPlan {
  const what = TAKINGS[random.between(0, TAKINGS.length - 1)] ?? 'nothing';
  const isShifted = what === 'nothing' || random.chance(0.3);
  // The handler that holds the descriptors has a worker, and must live.
  const most = what === 'descriptors' ? WORKERS - 1 : WORKERS;
  return {
    what,
    clockMs: isShifted ? Math.round((random.next() - 0.5) * 4 * HOUR_MS) : 0,
    deaths: Array.from({ length: random.between(1, most) }, () => (random.chance(0.7) ? 'exit' : 'hang')),
    isAtOnce: random.chance(0.3),
    pauseMs: random.between(0, 500),
  };
}

async function play(child: ScarceChild, plan: RoundPlan): Promise<void> {
  const { surroundings } = child;
  const before = child.told();
  const taking = surroundings.taking(plan.what, (method) => child.open(method));
  const spare = WORKERS - plan.deaths.length - (plan.what === 'descriptors' ? 1 : 0);
  const neighbour = spare > 0 ? await child.runningEcho() : undefined;
  surroundings.setClock(plan.clockMs);

  if (plan.isAtOnce) await Promise.all([taking.take(), ...plan.deaths.map((how) => child.die(how))]);
  else {
    await taking.take();
    for (const how of plan.deaths) await child.die(how);
  }
  await neighbour?.answers();

  const left = WORKERS - plan.deaths.length;
  const isKnown = taking.starves && !plan.isAtOnce;
  // As many as the workers that are lost: where none is left, all of them wait.
  const waiting = Array.from({ length: plan.deaths.length }, () => child.echo());
  const answered = Promise.race(waiting).then(() => 'answered');
  answered.catch(() => {});
  const until = performance.now() + plan.pauseMs;
  do {
    const { workers, status } = await child.health();
    assert.equal(status, 'serving');
    if (isKnown)
      assert.equal(workers, left, 'health counts a worker that can take no job, or leaves one out');
    else assert.ok(workers <= WORKERS, `health counts ${workers} of ${WORKERS} workers`);
    await sleep(20);
  } while (performance.now() < until);
  if (isKnown) {
    await child.untilTold({ ...before, lost: before.lost + 1 });
    if (left === 0) assert.equal(await Promise.race([answered, sleep(0, 'waits')]), 'waits');
  }

  await taking.giveBack();
  surroundings.setClock(0);
  await Promise.all(waiting);
  await neighbour?.ends();
  await child.allServe();

  const { lost, regained } = child.told();
  const losses = lost - before.lost;
  assert.equal(regained - before.regained, losses, 'as many ends of a shortage are told as beginnings');
  if (isKnown) assert.equal(losses, 1, 'a shortage is told once');
  else assert.ok(losses <= (taking.starves ? 1 : 0), `${losses} shortages were told`);
}

test(
  `${ROUNDS} rounds of workers that die while something is taken away: all serve afterwards, and each stream ends once (seed ${SEED})`,
  { timeout: 840_000 },
  async (t) => {
    console.log(`the rounds: IXT_STRESS_SEED=${SEED} IXT_STRESS_ROUNDS=${ROUNDS}`);
    const random = new SeededRandom(SEED, 7);
    const taken = new Map<string, number>();
    let streams = 0;
    let deaths = 0;
    for (let round = 0; round < ROUNDS;) {
      const child = await ScarceChild.start(t);
      for (let i = 0; i < ROUNDS_PER_CHILD && round < ROUNDS; i++, round++) {
        const plan = planRound(random);
        try {
          await play(child, plan);
        } catch (error) {
          throw new Error(`round ${round}, ${JSON.stringify(plan)}: ${String(error)}`, { cause: error });
        }
        taken.set(plan.what, (taken.get(plan.what) ?? 0) + 1);
        if (plan.clockMs !== 0) taken.set('clock', (taken.get('clock') ?? 0) + 1);
        deaths += plan.deaths.length;
      }
      streams += await child.close();
      t.diagnostic(`after ${round} rounds: ${streams} streams, ${deaths} dead workers`);
    }
    t.diagnostic([...taken].map(([what, count]) => `${what} ${count}`).join(', '));
  },
);
