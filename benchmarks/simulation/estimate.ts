import type { ContestResult } from '../harness/contest.ts';
import { figure } from '../harness/report.ts';
import { simulate, type Costs, type SimulationResult } from './main-thread.ts';

const WORKERS = [8, 16, 64];
const COMPUTING = [0, 10, 30, 100, 300, 1_000];

export interface Estimate {
  readonly costs: Costs;
  readonly runs: readonly SimulationResult[];
}

/**
 * @param mainPerPost what `measurePost` found in the same run
 * @returns undefined where the run had no `echo` and `ping` to take costs from, or the system doesn't count them
 */
export function estimate(results: readonly ContestResult[], mainPerPost: number): Estimate | undefined {
  const costs = costsOf(results, mainPerPost);
  if (costs === undefined) return undefined;
  const runs = COMPUTING.flatMap((computing) =>
    WORKERS.map((workers) => simulate(costs, workers, computing)),
  );
  return { costs, runs };
}

function costsOf(results: readonly ContestResult[], mainPerPost: number): Costs | undefined {
  const echo = detailsOf(results, 'echo');
  const ping = detailsOf(results, 'ping');
  if (echo === undefined || ping === undefined) return undefined;
  const mainPerFrame = echo['child main µs'] ?? 0;
  const mainPerPing = ping['child main µs'] ?? 0;
  if (mainPerFrame === 0 || mainPerPing === 0) return undefined;
  return {
    mainPerFrame,
    // A ping is a read that brings one frame for one worker.
    mainPerRead: Math.max(0, mainPerPing - mainPerFrame - mainPerPost),
    mainPerPost,
    workerPerFrame: echo['child threads µs'] ?? 0,
  };
}

/** Of the first contest, 64 B on one stream, and its first contestant. */
function detailsOf(
  results: readonly ContestResult[],
  scope: string,
): Readonly<Record<string, number>> | undefined {
  return results.find((result) => result.scope === scope)?.contestants[0]?.details;
}

export function estimateText({ costs, runs }: Estimate): string {
  const { mainPerFrame, mainPerRead, mainPerPost, workerPerFrame } = costs;
  const lines = [
    `Measured in this run, CPU time: main ${figure(mainPerFrame)} µs for each 64 B frame (m, from \`echo\`), ${figure(mainPerPost)} µs for each message to a worker (p, in one process), and ${figure(mainPerRead)} µs for each read (r, from \`ping\`, less m and p); a worker ${figure(workerPerFrame)} µs for each frame (w).`,
    '',
    `A worker whose handler computes c µs for each frame takes a frame every w + c µs; main gives one away every m µs when reads are full. So main is the limit from (w + c) / m cores on: with c = 0 that is ${figure(workerPerFrame / mainPerFrame)} cores, with c = 10 µs ${figure((workerPerFrame + 10) / mainPerFrame)}, with c = 100 µs ${figure((workerPerFrame + 100) / mainPerFrame)}. The simulation adds what the division leaves out: a read of n frames for k workers costs main r + k p + n m, so that with many workers each message carries few frames; queues run empty, and credit comes back in halves of a window.`,
    '',
    '| handler, µs a frame | workers | (w + c) / m | busy cores, simulated | main busy | frames/s |',
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
    ...runs.map(({ computing, workers, busyCores, mainBusy, framesPerSecond }) => {
      const bound = figure((workerPerFrame + computing) / mainPerFrame);
      const share = `${Math.round(mainBusy * 100)} %`;
      return `| ${computing} | ${workers} | ${bound} | ${figure(busyCores)} | ${share} | ${figure(framesPerSecond)} |`;
    }),
  ];
  return lines.join('\n');
}
