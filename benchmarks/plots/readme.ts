import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import type { ContestResult } from '../harness/contest.ts';
import { machineLine, type Machine } from '../harness/machine.ts';
import { contestTable, goalTable } from '../harness/report.ts';
import { estimate, estimateText } from '../simulation/estimate.ts';
import { chartsOf } from './charts.ts';
import { draw } from './draw.ts';

/** Everything that a run found out. */
export interface Run {
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: readonly ContestResult[];
}

const BEGIN = '<!-- results: written by npm run bench -- --report -->';
const END = '<!-- end of results -->';

/** Writes plots, `benchmarks/results.json`, and the results between the marks of `benchmarks/README.md`. */
export async function writeReport(run: Run, root: string): Promise<void> {
  const folder = join(root, 'benchmarks');
  const found = await estimate(run.results);
  const charts = chartsOf(run.results, found?.runs ?? []);
  await draw(charts, join(folder, 'plots', 'png'));
  await writeFormatted(resultsFile(root), JSON.stringify(run));
  const { machine, rounds, seconds, results } = run;
  const text = [
    BEGIN,
    '',
    `Run of ${machine.date}: ${machineLine(machine)}. ${rounds} rounds of ${seconds} s for each contestant after a warm-up.`,
    '',
    '### Goals',
    '',
    goalTable(results),
    '',
    '### How cost grows',
    '',
    ...charts.flatMap(({ name, title }) => [`![${title}](plots/png/${name}.png)`, '']),
    ...(found === undefined
      ? []
      : ['### How many cores one main thread can feed', '', estimateText(found), '']),
    ...results.filter(({ scope }) => scope !== 'growth').flatMap((result) => [contestTable(result), '']),
    END,
  ].join('\n');
  const file = join(folder, 'README.md');
  const page = readFileSync(file, 'utf8');
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${file} has lost the marks around its results.`);
  await writeFormatted(file, page.slice(0, start) + text + page.slice(end + END.length));
}

/** Where a run is kept, to be drawn again. */
export function resultsFile(root: string): string {
  return join(root, 'benchmarks', 'results.json');
}

/** In the project's own format, since both files are part of it. */
async function writeFormatted(file: string, text: string): Promise<void> {
  const config = await resolveConfig(file);
  writeFileSync(file, await format(text, { ...config, filepath: file }));
}
