import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContestResult } from './contest.ts';
import type { Machine } from './machine.ts';

/** Everything that one command found out. */
export interface Run {
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  /** Main's CPU time for one message to a worker in µs, which the simulation of the main thread needs; 0 where it can't be had. */
  readonly mainPerPost: number;
  readonly results: readonly ContestResult[];
}

/** The part of a version of Node that names its line: `20` of `v20.20.2`. */
export function nodeLine({ machine }: Run): string {
  return /\d+/.exec(machine.node)?.[0] ?? machine.node;
}

/**
 * The runs of a report once `run` has joined them. What it measured takes the place of the same scopes on the same line of Node, so
 * a scope can be measured again alone; what others measured stays with the machine and the day of its own run.
 */
export function joinRuns(runs: readonly Run[], run: Run): Run[] {
  const scopes = new Set(run.results.map(({ scope }) => scope));
  const older = runs.map((other) =>
    nodeLine(other) === nodeLine(run)
      ? { ...other, results: other.results.filter(({ scope }) => !scopes.has(scope)) }
      : other,
  );
  return [...older.filter(({ results }) => results.length > 0), run].sort(
    (a, b) => Number(nodeLine(a)) - Number(nodeLine(b)),
  );
}

/** The runs that `benchmarks/results.json` keeps. */
export function readRuns(root: string): Run[] {
  return JSON.parse(readFileSync(resultsFile(root), 'utf8')) as Run[];
}

/** Where the runs are kept, to be drawn again. */
export function resultsFile(root: string): string {
  return join(root, 'benchmarks', 'results.json');
}
