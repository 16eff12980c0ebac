import { runContest, type Contest, type ContestResult } from './harness/contest.ts';
import { describeMachine, machineLine } from './harness/machine.ts';
import { parseOptions, type BenchOptions } from './harness/options.ts';
import { contestTable, goalTables, titleOf } from './harness/report.ts';
import { joinRuns, readRuns, type Run } from './harness/runs.ts';
import { bulkContests } from './scopes/bulk.ts';
import { clientContests } from './scopes/client.ts';
import { codecContests } from './scopes/codec.ts';
import { cpuContests } from './scopes/cpu.ts';
import { echoContests } from './scopes/echo.ts';
import { growthContests } from './scopes/growth.ts';
import { hashContests } from './scopes/hash.ts';
import { insteadContests } from './scopes/instead.ts';
import { loadContests } from './scopes/load.ts';
import { memoryContests } from './scopes/memory.ts';
import { natsContests } from './scopes/nats.ts';
import { openContests } from './scopes/open.ts';
import { pingContests } from './scopes/ping.ts';
import { sinkContests } from './scopes/sink.ts';
import { sourceContests } from './scopes/source.ts';
import { startContests } from './scopes/start.ts';
import { writerContests } from './scopes/writer.ts';
import { estimate, estimateText } from './simulation/estimate.ts';
import { measurePost } from './simulation/post-cost.ts';

const SCOPES: Readonly<Record<string, (options: BenchOptions) => readonly Contest[]>> = {
  cpu: cpuContests,
  echo: echoContests,
  source: sourceContests,
  writer: writerContests,
  sink: sinkContests,
  open: openContests,
  ping: pingContests,
  client: clientContests,
  load: loadContests,
  start: startContests,
  memory: memoryContests,
  codec: codecContests,
  bulk: bulkContests,
  hash: hashContests,
  instead: insteadContests,
  nats: natsContests,
  growth: growthContests,
};

const HOW =
  'Host, module and peers run compiled; the module is started through its launcher; over real pipes where it is not said otherwise.';

const options = parseOptions(process.argv.slice(2), Object.keys(SCOPES));
if (options.redraw) {
  await report(readRuns(options.root));
} else {
  const run = await measure();
  if (options.json) process.stdout.write(`${JSON.stringify(run, undefined, 2)}\n`);
  if (options.report) await report(joinRuns(readRuns(options.root), run));
}

async function measure(): Promise<Run> {
  const machine = describeMachine();
  const say = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`);
  };
  say(`${machineLine(machine)}\n${HOW}\n`);
  const results: ContestResult[] = [];
  for (const scope of options.scopes) {
    for (const contest of contestsOf(scope)) {
      process.stderr.write(`… ${contest.scope}: ${titleOf(contest)}\n`);
      const result = await runContest(contest, options);
      results.push(result);
      say(`${contestTable(result)}\n`);
    }
  }
  const { rounds, seconds } = options;
  const run: Run = {
    machine,
    rounds,
    seconds,
    mainPerPost: options.smoke ? 0 : await measurePost(),
    results,
  };
  say(goalTables([run]));
  const cores = options.smoke ? undefined : estimate(results, run.mainPerPost);
  if (cores !== undefined) say(`\n### How many cores one main thread can feed\n\n${estimateText(cores)}`);
  return run;
}

/** All contests of a scope; of a smoke run, the first of each kind. */
function contestsOf(scope: string): readonly Contest[] {
  const contests = SCOPES[scope]?.(options) ?? [];
  if (!options.smoke) return contests;
  const kinds = contests.map(({ kind, point }) => kind ?? point?.chart);
  return contests.filter((_, index) => kinds.indexOf(kinds[index]) === index);
}

/** Loaded late: what draws plots is large, and nothing of it belongs into a process that is measured. */
async function report(runs: readonly Run[]): Promise<void> {
  const { writeReport } = await import('./plots/readme.ts');
  await writeReport(runs, options.root);
}
