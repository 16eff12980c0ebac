import type { Carrier, ContestResult, RatioResult } from './contest.ts';
import { nodeLine, type Run } from './runs.ts';
import type { Spread } from './stats.ts';

/** Three significant digits, with a space between thousands. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = value.toFixed(Math.min(digits, 3));
  const [whole = '', fraction] = rounded.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ' ');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

function spread({ median, min, max }: Spread): string {
  return `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** What is asked of a ratio. */
function goalOf({ atLeast, atMost }: RatioResult): string {
  if (atLeast !== undefined) return `≥ ${rounded(atLeast)}`;
  return atMost === undefined ? '' : `≤ ${rounded(atMost)}`;
}

/** A goal as it was written: without the zeros of a {@link figure}. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function verdict({ reached }: RatioResult): string {
  return reached === undefined ? '' : reached ? ' reached' : ' NOT reached';
}

/** What a ratio compares: `ixt : grpc-js`, or `ixt` where the value itself is claimed. */
function whose({ of, against, detail }: RatioResult): string {
  const names = against === undefined ? of : `${of} : ${against}`;
  return detail === undefined ? names : `${names}, ${detail}`;
}

/** One contest as Markdown: figures, then ratios. */
export function contestTable(result: ContestResult): string {
  const details = [...new Set(result.contestants.flatMap(({ details }) => Object.keys(details)))];
  const lines = [
    `### ${result.scope}: ${titleOf(result)}`,
    '',
    row(['', `${result.unit}, median (min–max)`, ...details]),
    row(['---', '---:', ...details.map(() => '---:')]),
    ...result.contestants.map((contestant) =>
      row([
        contestant.name,
        spread(contestant),
        ...details.map((key) => {
          const value = contestant.details[key];
          return value === undefined ? '' : figure(value);
        }),
      ]),
    ),
  ];
  if (result.ratios.length > 0) {
    lines.push('', row(['ratio', 'median (min–max)', 'goal']), row(['---', '---:', '---']));
    for (const ratio of result.ratios) {
      lines.push(row([whose(ratio), spread(ratio), `${goalOf(ratio)}${verdict(ratio)}`]));
    }
  }
  return lines.join('\n');
}

/**
 * All ratios that have a goal, one line each, and a column for each line of Node that was measured; then those that were measured
 * over both carriers, with a column for each of them.
 */
export function goalTables(runs: readonly Run[]): string {
  const nodes = [...new Set(runs.map(nodeLine))].map((node): Column => ({ node, label: `Node ${node}` }));
  const both = CARRIERS.flatMap((carrier) =>
    nodes.map(({ node, label }): Column => ({ node, carrier, label: `${carrier}, ${label}` })),
  );
  return [goalTable(runs, nodes), goalTable(runs, both)].filter((table) => table !== '').join('\n\n');
}

const CARRIERS: readonly Carrier[] = ['pipes', 'socket pairs'];

/** What the ratios of one column have in common. */
interface Column {
  readonly node: string;
  readonly carrier?: Carrier;
  readonly label: string;
}

function goalTable(runs: readonly Run[], columns: readonly Column[]): string {
  const rows = new Map<string, string[]>();
  columns.forEach(({ node, carrier }, column) => {
    for (const result of runs.filter((run) => nodeLine(run) === node).flatMap(({ results }) => results)) {
      if (result.carrier !== carrier) continue;
      for (const ratio of result.ratios) {
        if (ratio.reached === undefined) continue;
        const what = [result.scope, result.title, whose(ratio), goalOf(ratio)];
        const key = what.join('\n');
        const cells = rows.get(key) ?? [...what, ...columns.map(() => '')];
        cells[what.length + column] = `${spread(ratio)}${verdict(ratio)}`;
        rows.set(key, cells);
      }
    }
  });
  if (rows.size === 0) return '';
  return [
    row(['scope', 'what', 'ratio of', 'goal', ...columns.map(({ label }) => `${label}: median (min–max)`)]),
    row(['---', '---', '---', '---', ...columns.map(() => '---')]),
    ...[...rows.values()].map(row),
  ].join('\n');
}

/** What was measured, and over which carrier where it was measured over both. */
export function titleOf({ title, carrier }: Pick<ContestResult, 'title' | 'carrier'>): string {
  return carrier === undefined ? title : `${title}, ${carrier}`;
}

/** All contests of a scope in one table, a column for each contestant: medians, and what was lost. */
export function sideBySide(results: readonly ContestResult[], scope: string): string {
  const contests = results.filter((result) => result.scope === scope);
  const names = [...new Set(contests.flatMap(({ contestants }) => contestants.map(({ name }) => name)))];
  const cell = ({ contestants }: ContestResult, name: string): string => {
    const contestant = contestants.find((one) => one.name === name);
    if (contestant === undefined) return '';
    const losses = Object.entries(contestant.details).filter(
      ([key, count]) => key.endsWith(' lost') && count > 0,
    );
    return [spread(contestant), ...losses.map(([key, count]) => `${count} ${key}`)].join(', ');
  };
  return [
    row(['', ...names]),
    row(['---', ...names.map(() => '---:')]),
    ...contests.map((contest) =>
      row([`${contest.title}, ${contest.unit}`, ...names.map((name) => cell(contest, name))]),
    ),
  ].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
