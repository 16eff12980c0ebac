import type { ContestResult, RatioResult } from './contest.ts';
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

/** What is asked of a ratio, and whether it is so. */
export function verdict(ratio: RatioResult): string {
  if (ratio.reached === undefined) return '';
  const goal = ratio.atLeast === undefined ? `≤ ${ratio.atMost}` : `≥ ${ratio.atLeast}`;
  return `${goal} ${ratio.reached ? 'reached' : 'NOT reached'}`;
}

/** One contest as Markdown: figures, then ratios. */
export function contestTable(result: ContestResult): string {
  const details = [...new Set(result.contestants.flatMap(({ details }) => Object.keys(details)))];
  const lines = [
    `### ${result.scope}: ${result.title}`,
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
      lines.push(row([`${ratio.of} : ${ratio.against}`, spread(ratio), verdict(ratio)]));
    }
  }
  return lines.join('\n');
}

/** All ratios that have a goal, one line each. */
export function goalTable(results: readonly ContestResult[]): string {
  const lines = [
    row(['scope', 'what', 'ratio of', 'median (min–max)', 'goal']),
    row(['---', '---', '---', '---:', '---']),
  ];
  for (const { scope, title, ratios } of results) {
    for (const ratio of ratios) {
      if (ratio.reached === undefined) continue;
      lines.push(row([scope, title, `${ratio.of} : ${ratio.against}`, spread(ratio), verdict(ratio)]));
    }
  }
  return lines.join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
