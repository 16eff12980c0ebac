import { explainFailure } from './terminal/failure.ts';
import { parseServeArguments } from './serve/flags.ts';
import { startServe } from './serve/start.ts';

/** Runs what the command line says. `serve` is what hosts start: it doesn't wait for what the other commands need. */
export async function runCommandLine(): Promise<void> {
  const [command, ...args] = process.argv.slice(2);
  const serving = command === 'serve' ? parseServeArguments(args) : undefined;
  if (serving === undefined) {
    const { runProgram } = await import('./program.ts');
    return runProgram();
  }
  await startServe(serving).catch((error: unknown) => {
    process.exitCode = explainFailure(error);
  });
}
