import { escapeControls } from '../../base/stderr.ts';

/**
 * The end of a command that is the user's, the module's or the system's doing: printed without a stack.
 *
 * Anything else that a command throws is a mistake of ours.
 */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  /** Advice for the user, in a sentence. */
  readonly mend: string | undefined;

  /** @param message what happened; empty where the user has read it already */
  constructor(exitCode: number, message: string, mend?: string) {
    super(message);
    this.exitCode = exitCode;
    this.mend = mend;
  }
}

/** Prints why a command ends, and gives its exit code. */
export function explainFailure(error: unknown): number {
  if (error instanceof CliError) {
    if (error.message !== '') complain(`ixt-module: ${error.message}`);
    if (error.mend !== undefined) complain(error.mend.replace(/^/gm, '  '));
    return error.exitCode;
  }
  complain(`ixt-module: a mistake of this program, please report it: ${describe(error)}`);
  return INTERNAL;
}

/** A message may come from anywhere: it keeps its lines, and nothing else that would steer a terminal. */
export function complain(message: string): void {
  // Where nobody reads standard error any more, the exit code still tells.
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => {});
  process.stderr.write(`${message.split('\n').map(escapeControls).join('\n')}\n`);
}

/** EX_SOFTWARE of sysexits.h. */
const INTERNAL = 70;

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
