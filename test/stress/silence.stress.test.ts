import { test } from 'node:test';
import { buildPackage } from '../support/build.ts';
import { NO_LOOK_ANYWAY, silentMoments } from './support/silence.ts';

/** The whole file takes about as long as the stress of the wire is given; CI says 60. */
const SECONDS = Number(process.env['IXT_STRESS_SECONDS'] ?? 10) / 4;
const SEED = Number(process.env['IXT_STRESS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const WRITERS = [
  ['two workers', 2, 60_000],
  ['a worker and main', 1, 300_000],
] as const;

for (const transport of ['socket', 'blocking pipe'] as const) {
  for (const [who, senders, jitterNs] of WRITERS) {
    test(`no frame stands still that ${who} commit at the same moment, over a ${transport} (seed ${SEED})`, async (t) => {
      const build = await buildPackage([NO_LOOK_ANYWAY]);
      const moments = await silentMoments({
        build,
        seed: SEED,
        seconds: SECONDS,
        transport,
        senders,
        workers: 16,
        jitterNs,
      });
      t.diagnostic(`${moments} moments`);
    });
  }
}
