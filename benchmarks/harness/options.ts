import { parseArgs } from 'node:util';

/** What a run measures, and for how long. */
export interface BenchOptions {
  /** Names of scopes, in the order of the run. */
  readonly scopes: readonly string[];
  /** Counted rounds of each contest; one more warms up. */
  readonly rounds: number;
  /** How long one contestant is measured in one round. */
  readonly seconds: number;
  /** Everything once, as small as it goes: shows that it works, not how fast. */
  readonly smoke: boolean;
  /** Data on stdout instead of tables. */
  readonly json: boolean;
  /** Rewrites the results in `benchmarks/README.md`, `benchmarks/results.json` and the plots. */
  readonly report: boolean;
  /** How much is streamed to see what memory that takes, in MiB. */
  readonly megabytes: number;
  /** Draws tables and plots again from `benchmarks/results.json`, without measuring. */
  readonly redraw: boolean;
  /** The project's root: where the report goes. */
  readonly root: string;
}

/** @throws TypeError for a flag that isn't known, or a scope that isn't */
export function parseOptions(args: readonly string[], known: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scope: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      megabytes: { type: 'string' },
      json: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      redraw: { type: 'boolean', default: false },
      root: { type: 'string', default: process.cwd() },
    },
  });
  const scopes = values.scope?.split(',') ?? known;
  for (const scope of scopes) {
    if (!known.includes(scope)) throw new TypeError(`There is no scope '${scope}': ${known.join(', ')}.`);
  }
  return {
    scopes,
    rounds: positive('rounds', values.rounds, values.smoke ? 1 : 5),
    seconds: positive('seconds', values.seconds, values.smoke ? 0.1 : 1),
    megabytes: positive('megabytes', values.megabytes, values.smoke ? 16 : 1024),
    smoke: values.smoke,
    json: values.json,
    report: values.report,
    redraw: values.redraw,
    root: values.root,
  };
}

function positive(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0)) throw new TypeError(`--${name} takes a number above 0, not '${text}'.`);
  return value;
}
