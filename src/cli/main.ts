import { nodeComplaint } from './node-version.ts';

// Everything else is loaded late. A Node that is too old can't even read it, and `serve` is what hosts start: it must not pay
// for the other commands.
const complaint = nodeComplaint(process.versions.node);
if (complaint !== undefined) {
  process.stderr.write(`ixt-module: ${complaint}\n`);
  process.exitCode = 78;
} else {
  const [command, ...args] = process.argv.slice(2);
  const { parseServeArguments } = await import('./serve-flags.ts');
  const serving = command === 'serve' ? parseServeArguments(args) : undefined;
  if (serving === undefined) {
    const { runProgram } = await import('./program.ts');
    await runProgram();
  } else {
    const { startServe } = await import('./start-serve.ts');
    await startServe(serving).catch(async (error: unknown) => {
      const { explainFailure } = await import('./failure.ts');
      process.exitCode = explainFailure(error);
    });
  }
}
