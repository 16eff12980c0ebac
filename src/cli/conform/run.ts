import { EXIT } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';
import { askAll, type Questions } from './ask.ts';
import { jsonOf, lineOf, sumOf, type CaseResult } from './report.ts';

export interface ConformOptions extends Questions {
  /** The first breach ends the run. */
  readonly isFirstEnough: boolean;
  readonly isJson: boolean;
}

/**
 * Asks the module everything, and prints what came out.
 *
 * @returns the exit code: 0 where it keeps the contract, 1 where it doesn't
 * @throws CliError where no case is left to ask
 */
export async function runConform(options: ConformOptions): Promise<number> {
  // A module's group is its own: a terminal's ^C reaches us alone.
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
  const results: CaseResult[] = [];
  for await (const result of askAll(options)) {
    results.push(result);
    if (!options.isJson) process.stdout.write(`${lineOf(result)}\n`);
    if (result.outcome === 'broken' && options.isFirstEnough) break;
  }
  if (results.length === 0) {
    throw new CliError(
      EXIT.usage,
      `no case says '${options.only}'`,
      'The cases are those that a run prints.',
    );
  }
  process.stdout.write(options.isJson ? `${jsonOf(results)}\n` : `\n${sumOf(results)}\n`);
  return results.some(({ outcome }) => outcome === 'broken') ? 1 : 0;
}
