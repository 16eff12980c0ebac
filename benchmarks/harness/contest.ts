import type { BenchOptions } from './options.ts';
import { spreadOf, type Spread } from './stats.ts';

/** What one contestant did in one round. */
export interface Measurement {
  /** In the contest's unit. */
  readonly value: number;
  /** More about the same round, by name with its unit: 'host µs/frame'. */
  readonly details?: Readonly<Record<string, number>>;
}

/** One that is measured; it stays warm between its rounds, and idle. */
export interface Contestant {
  readonly name: string;
  /** @throws Error when data is lost or the contestant fails */
  measure(seconds: number): Promise<Measurement>;
  close(): Promise<void>;
}

/** A claim on the median of the ratios `of` / `against`, round by round; without `against`, on the median of the values themselves. */
export interface Target {
  readonly of: string;
  readonly against?: string;
  /** The detail that is compared, in place of the value. */
  readonly detail?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** How the protocol's bytes reach a child: over real pipes, or over the socket pairs of Node's own spawn. */
export type Carrier = 'pipes' | 'socket pairs';

export interface Contest {
  readonly scope: string;
  /** What exactly is measured: '64 B, 16 streams'. */
  readonly title: string;
  readonly unit: string;
  readonly contestants: readonly (() => Promise<Contestant>)[];
  readonly targets?: readonly Target[];
  /** Ratios are `against` / `of`: how many times as fast, where the values are times. */
  readonly inverted?: boolean;
  /** For what is over in an instant. */
  readonly minRounds?: number;
  /** A smoke run takes the first contest of each kind. Contests without one are of one kind for each plot. */
  readonly kind?: string;
  /** Set where the same is measured over both, so that the table of goals can show them side by side. */
  readonly carrier?: Carrier;
  /** Where the result goes in a plot. */
  readonly point?: Point;
}

/** One contest of a series that a plot shows. */
export interface Point {
  readonly chart: string;
  readonly x: number;
}

export interface ContestantResult extends Spread {
  readonly name: string;
  readonly rounds: readonly number[];
  readonly details: Readonly<Record<string, number>>;
}

export interface RatioResult extends Spread {
  readonly of: string;
  readonly against?: string;
  readonly detail?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Undefined without a target. */
  readonly reached?: boolean;
}

export interface ContestResult {
  readonly scope: string;
  readonly title: string;
  readonly unit: string;
  readonly contestants: readonly ContestantResult[];
  readonly ratios: readonly RatioResult[];
  readonly carrier?: Carrier;
  readonly point?: Point;
}

/** Less than this leaves half of what is called once a stream uncompiled, on either side; in seconds. */
const WARM_UP_SECONDS = 2;

/** Runs a contest: all are started, all warm up, then each round measures each once, every round beginning with another. */
export async function runContest(contest: Contest, options: BenchOptions): Promise<ContestResult> {
  const contestants: Contestant[] = [];
  try {
    for (const start of contest.contestants) contestants.push(await start());
    const measured = contestants.map((): Measurement[] => []);
    if (!options.smoke) {
      const warmUp = Math.max(WARM_UP_SECONDS, options.seconds / 2);
      for (const contestant of contestants) await contestant.measure(warmUp);
    }
    const rounds = options.smoke ? options.rounds : Math.max(options.rounds, contest.minRounds ?? 0);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < contestants.length; i++) {
        const index = (round + i) % contestants.length;
        const measurement = await contestants[index]?.measure(options.seconds);
        if (measurement !== undefined) measured[index]?.push(measurement);
      }
    }
    return toResult(contest, contestants, measured);
  } finally {
    for (const contestant of contestants) await contestant.close();
  }
}

function toResult(
  contest: Contest,
  contestants: readonly Contestant[],
  measured: readonly (readonly Measurement[])[],
): ContestResult {
  const { scope, title, unit, carrier, point } = contest;
  const results = contestants.map(({ name }, index): ContestantResult => {
    const rounds = measured[index] ?? [];
    const values = rounds.map(({ value }) => value);
    return { name, ...spreadOf(values), rounds: values, details: medianDetails(rounds) };
  });
  const roundsOf = (name: string): readonly Measurement[] =>
    measured[contestants.findIndex((contestant) => contestant.name === name)] ?? [];
  const ratios = (contest.targets ?? [])
    // A contestant may be missing on a system that can't build it.
    .filter(({ against }) => against === undefined || contestants.some(({ name }) => name === against))
    .map((target) => ratioOf(target, roundsOf, contest.inverted === true));
  return {
    ...{ scope, title, unit, contestants: results, ratios },
    ...(carrier === undefined ? {} : { carrier }),
    ...(point === undefined ? {} : { point }),
  };
}

function medianDetails(rounds: readonly Measurement[]): Record<string, number> {
  const details: Record<string, number> = {};
  for (const key of Object.keys(rounds[0]?.details ?? {})) {
    details[key] = spreadOf(rounds.map((round) => round.details?.[key] ?? 0)).median;
  }
  return details;
}

function ratioOf(
  target: Target,
  roundsOf: (name: string) => readonly Measurement[],
  inverted: boolean,
): RatioResult {
  const { detail, against, atLeast, atMost } = target;
  const figures = (name: string): number[] =>
    roundsOf(name).map(({ value, details }) => (detail === undefined ? value : (details?.[detail] ?? NaN)));
  const others = against === undefined ? undefined : figures(against);
  const ratios = figures(target.of).map((figure, round) => {
    if (others === undefined) return figure;
    const other = others[round] ?? NaN;
    return inverted ? other / figure : figure / other;
  });
  const spread = spreadOf(ratios);
  const reached =
    atLeast === undefined && atMost === undefined
      ? {}
      : { reached: spread.median >= (atLeast ?? -Infinity) && spread.median <= (atMost ?? Infinity) };
  return { ...target, ...spread, ...reached };
}
