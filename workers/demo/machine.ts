import { cpus } from 'node:os';

/** Time of all processors since the machine started, in ms. */
interface Times {
  readonly idle: number;
  readonly all: number;
}

/** The share of a core that other programs may take from a worker before the comparison says little. */
const TAKEN = 0.5;

/**
 * Watches the whole machine from now on.
 *
 * @returns a function that says how many cores were idle since, on average; `NaN` where the system doesn't tell
 */
export function watchIdleCores(): () => number {
  const before = times();
  return () => {
    const now = times();
    return (cpus().length * (now.idle - before.idle)) / (now.all - before.all);
  };
}

/**
 * Why a speed-up says little, for a person; `undefined`: the other workers had cores of their own to run on.
 *
 * @param idle how many cores were idle while one worker ran
 * @param workers how many it is compared with
 */
export function busyWarning(idle: number, workers: number, cores: number): string | undefined {
  const needed = Math.min(workers, cores) - 1;
  if (!(idle < needed - TAKEN)) return undefined;
  return (
    `The machine was busy: ${idle.toFixed(1)} cores were idle while one worker ran, and the second run needs ${needed}\n` +
    'more. So the speed-up says little; run it again when nothing else does.'
  );
}

function times(): Times {
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all };
}
