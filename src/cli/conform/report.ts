import { count, plural, wrapped } from '../terminal/format.ts';
import type { ConformMethod } from './case.ts';

/** The result of one case. */
export type CaseResult = {
  /** A sentence that is true of a sound module. */
  readonly name: string;
  /** Where the protocol page says so. */
  readonly rule: string;
  readonly ms: number;
} & (
  | { readonly outcome: 'ok' }
  /** It needs methods that the module is not said to have. */
  | { readonly outcome: 'left out'; readonly missing: readonly ConformMethod[] }
  | {
      readonly outcome: 'broken';
      readonly expected: string;
      readonly seen: string;
      /** The messages of this case, a line each. */
      readonly frames: readonly string[];
      /** The end of what the module wrote to standard error. */
      readonly stderr: string;
    }
);

const STDERR_LINES = 5;

/** One case for a person: a line, and what is behind a breach. */
export function lineOf(result: CaseResult): string {
  const head = wrapped(`${result.outcome.padEnd(9)} ${result.name}`, 10);
  switch (result.outcome) {
    case 'ok':
      return head.join('\n');
    case 'left out':
      return [...head, `          it needs ${result.missing.join(', ')}`].join('\n');
    case 'broken': {
      const { rule, expected, seen, frames, stderr } = result;
      const said = stderr.trimEnd().split('\n').slice(-STDERR_LINES);
      return [
        ...head,
        ...wrapped(`          rule      schema/README.md, ${rule}`, 20),
        ...wrapped(`          expected  ${expected}`, 20),
        ...wrapped(`          seen      ${seen}`, 20),
        ...frames.map((frame) => `            ${frame}`),
        ...(stderr === '' ? [] : said.map((text) => `          stderr    ${text}`)),
      ].join('\n');
    }
  }
}

/** The last line: how many there were of each. */
export function sumOf(results: readonly CaseResult[]): string {
  const sum = (outcome: CaseResult['outcome']): string =>
    `${count(results.filter((result) => result.outcome === outcome).length)} ${outcome}`;
  return `${plural(results.length, 'case')}: ${sum('ok')}, ${sum('broken')}, ${sum('left out')}`;
}

/** All of it, for a program. */
export function jsonOf(results: readonly CaseResult[]): string {
  const cases = results.map((result) => ({ ...result, ms: Math.round(result.ms) }));
  return JSON.stringify({ cases }, undefined, 2);
}
