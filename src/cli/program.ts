import { Command, CommanderError } from 'commander';
import { EXIT } from '../main/options.ts';
import { addBench } from './bench/command.ts';
import { addCall } from './call/command.ts';
import { addConform } from './conform/command.ts';
import { addDecode } from './decode/command.ts';
import { addDescribe } from './describe/command.ts';
import { addDev } from './dev/command.ts';
import { addDoctor } from './doctor/command.ts';
import { explainFailure } from './terminal/failure.ts';
import { addInit } from './init/command.ts';
import { addJoin } from './join/command.ts';
import { addNodes } from './nodes/command.ts';
import { packageVersion } from './package-version.ts';
import { addRecord } from './record/command.ts';
import { addReplay } from './replay/command.ts';
import { addServe } from './serve/command.ts';
import { addView } from './view/command.ts';

/** Reads the command line and runs its command; each loads what it needs when it runs. */
export async function runProgram(): Promise<void> {
  const program = new Command('ixt-module')
    .description('write, try, check and run modules whose CPU-heavy handlers sit behind a Cap’n Proto stream')
    .version(packageVersion(), '-V, --version', 'print the version of the package')
    .configureHelp({ showGlobalOptions: false })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  ixt-module init hello                         a new module, with a test\n' +
        '  echo hi | ixt-module call src/module.ts shout  open one stream on it\n' +
        '  ixt-module doctor src/module.ts               find its problems, with advice\n' +
        '\nixt-module COMMAND --help says more about each.\n',
    )
    .exitOverride();
  addInit(program);
  addDev(program);
  addCall(program);
  addDescribe(program);
  addDoctor(program);
  addBench(program);
  addRecord(program);
  addDecode(program);
  addReplay(program);
  addConform(program);
  addView(program);
  addServe(program);
  addJoin(program);
  addNodes(program);
  try {
    await program.parseAsync();
  } catch (error) {
    // commander has printed what was wrong; help asked for is no mistake.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    // What a command had begun, an open standard input say, must not hold the process.
    else process.exit(explainFailure(error));
  }
}
