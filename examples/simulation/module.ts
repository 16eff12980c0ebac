/** The price of a call option by simulation: many paths of a share, day by day. */
import { defineMethod, defineModule, json, many, ndjson, one } from 'ixt-sdk';
import { z } from 'zod';

const Option = z.object({
  spot: z.number().positive(),
  strike: z.number().positive(),
  rate: z.number(),
  volatility: z.number().positive(),
  years: z.number().positive(),
  paths: z.int().positive(),
  seed: z.int(),
});

/** Sums of what the option paid on some paths, so that a caller can add up those that it got. */
export interface Batch {
  readonly paths: number;
  readonly sum: number;
  readonly squares: number;
}

/** Module and hosts share this; there is no handler in it. */
export const shapes = {
  simulate: defineMethod({
    description: 'Simulates paths of a share and gives what an option paid, batch by batch',
    input: one(json(Option)),
    output: many(ndjson<Batch>()),
    progress: json<{ done: number; total: number }>(),
  }),
};

const BATCH = 2_000;
const DAYS = 252;

export default defineModule({
  name: 'simulation',
  version: '1.0.0',
  onServerStream: {
    // A generator without `async` has a thread to itself, so it never has to pause.
    simulate: shapes.simulate.handler(function* (option, stream) {
      const next = normals(option.seed);
      for (let done = 0; done < option.paths;) {
        const size = Math.min(BATCH, option.paths - done);
        let [sum, squares] = [0, 0];
        for (let path = 0; path < size; path++) {
          if (path % 250 === 0) {
            stream.throwIfCancelled();
            stream.progress({ done: done + path, total: option.paths });
          }
          const paid = payOut(option, next);
          sum += paid;
          squares += paid * paid;
        }
        done += size;
        // What is yielded arrives, also where the call is cancelled later.
        yield { paths: size, sum, squares };
      }
    }),
  },
});

function payOut(option: z.infer<typeof Option>, next: () => number): number {
  const { spot, strike, rate, volatility, years } = option;
  const step = years / DAYS;
  const drift = (rate - volatility ** 2 / 2) * step;
  const spread = volatility * Math.sqrt(step);
  let log = Math.log(spot);
  for (let day = 0; day < DAYS; day++) log += drift + spread * next();
  return Math.exp(-rate * years) * Math.max(0, Math.exp(log) - strike);
}

/** Normally distributed numbers (Box and Muller), the same for the same seed (mulberry32). */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
