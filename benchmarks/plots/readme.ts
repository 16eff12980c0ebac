import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { machineLine } from '../harness/machine.ts';
import { contestTable, goalTables, sideBySide } from '../harness/report.ts';
import { nodeLine, resultsFile, type Run } from '../harness/runs.ts';
import { estimate, estimateText } from '../simulation/estimate.ts';
import { placementText, studyPlacement } from '../simulation/placement-study.ts';
import { serverCosts, serverLoadText } from '../simulation/server-load.ts';
import { chartsOf } from './charts.ts';
import { draw } from './draw.ts';
import { placementChart } from './placement-chart.ts';

const BEGIN = '<!-- results: written by npm run bench -- --report -->';
const END = '<!-- end of results -->';

/** Writes plots, `benchmarks/results.json`, and the results between the marks of `benchmarks/README.md`. */
export async function writeReport(runs: readonly Run[], root: string): Promise<void> {
  const folder = join(root, 'benchmarks');
  await writeFormatted(resultsFile(root), JSON.stringify(runs));
  // The goals have a column for each line of Node; plots and tables of every figure are of the first line alone.
  const first = runs.filter((run) => runs[0] !== undefined && nodeLine(run) === nodeLine(runs[0]));
  const results = first.flatMap((run) => run.results);
  const costs = first.find((run) => run.results.some(({ scope }) => scope === 'echo'));
  const found = estimate(results, costs?.mainPerPost ?? 0);
  const charts = chartsOf(results, found?.runs ?? []);
  const placements = studyPlacement();
  const placed = placementChart(placements);
  const costsOfServer = serverCosts(results);
  await draw([...charts, placed], join(folder, 'plots', 'png'));
  const text = [
    BEGIN,
    '',
    ...runs.flatMap((run) => [runLine(run), '']),
    '### Goals',
    '',
    goalTables(runs),
    '',
    ...(results.some(({ scope }) => scope === 'instead')
      ? ['### What a user would pick instead', '', sideBySide(results, 'instead'), '']
      : []),
    '### How cost grows',
    '',
    ...charts.flatMap(({ name, title }) => [`![${title}](plots/png/${name}.png)`, '']),
    ...(found === undefined
      ? []
      : ['### How many cores one main thread can feed', '', estimateText(found), '']),
    '### How long a stream waits for a node',
    '',
    `![${placed.title}](plots/png/${placed.name}.png)`,
    '',
    placementText(placements),
    '',
    ...(costsOfServer === undefined
      ? []
      : ['### How many nodes one NATS server carries', '', serverLoadText(costsOfServer), '']),
    ...results.filter(({ scope }) => scope !== 'growth').flatMap((result) => [contestTable(result), '']),
    END,
  ].join('\n');
  const file = join(folder, 'README.md');
  const page = readFileSync(file, 'utf8');
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`${file} has lost the marks around its results.`);
  await writeFormatted(file, page.slice(0, start) + text + page.slice(end + END.length));
}

function runLine({ machine, rounds, seconds, results }: Run): string {
  const scopes = [...new Set(results.map(({ scope }) => `\`${scope}\``))].join(', ');
  return `Run of ${machine.date}: ${machineLine(machine)}. ${rounds} rounds of ${seconds} s for each contestant after a warm-up. Scopes: ${scopes}.`;
}

/** In the project's own format, since both files are part of it. */
async function writeFormatted(file: string, text: string): Promise<void> {
  const config = await resolveConfig(file);
  writeFileSync(file, await format(text, { ...config, filepath: file }));
}
