import { Command, CommanderError } from 'commander';
import { EXIT } from '../main/options.ts';
import { addCall } from './call.ts';
import { addServe } from './serve.ts';

const program = new Command('ixt-module')
  .description('run and try modules whose CPU-heavy handlers sit behind a Cap’n Proto stream')
  .configureHelp({ showGlobalOptions: false })
  .showSuggestionAfterError()
  .exitOverride();
addServe(program);
addCall(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has printed what was wrong; help asked for is no mistake.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
}
