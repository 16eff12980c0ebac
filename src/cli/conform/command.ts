import { InvalidArgumentError, type Command } from 'commander';
import { integer } from '../terminal/arguments.ts';
import { CORE_METHODS, FURTHER_METHODS, type ConformMethod } from './case.ts';

interface ConformFlags {
  methods: ConformMethod[];
  only?: string;
  timeout: number;
  bail?: true;
  json?: true;
}

/** `ixt-module conform -- COMMAND`: whether a module child in any language keeps the contract. */
export function addConform(program: Command): void {
  program
    .command('conform')
    .description('check that a module child, in any language, keeps the protocol')
    .argument(
      '<command...>',
      'what a host would run, with its protocol on stdin and stdout; put -- before it',
    )
    .option(
      '--methods <list>',
      `which of the conformance methods it has: those of the default, and ${FURTHER_METHODS.join(', ')}`,
      methodList,
      [...CORE_METHODS],
    )
    .option('--only <text>', 'only the cases whose sentence contains this text')
    .option('-t, --timeout <ms>', 'for one case; then its child is killed', integer(100, 1e7), 20_000)
    .option('--bail', 'end with the first case that is broken')
    .option('--json', 'the cases as JSON')
    .addHelpText(
      'after',
      '\nThe module must be the conformance module: its methods and their results are fixed, and the page docs/hosts.md\n' +
        'has them. A case that is broken says which rule of schema/README.md is, what was expected, what was seen, and\n' +
        'the messages of both sides. Most cases share one child; those that end it have their own.\n' +
        'Exit code 0: all that was asked holds; 1: something is broken.\n' +
        '\nExamples:\n' +
        '  ixt-module conform -- ./my-module\n' +
        '  ixt-module conform --methods echo,sink,spin -- python3 module.py\n' +
        '  ixt-module conform --only credit --bail -- ./my-module --verbose\n',
    )
    .action(async (command: [string, ...string[]], flags: ConformFlags) => {
      const { runConform } = await import('./run.ts');
      const exitCode = await runConform({
        command,
        methods: new Set(flags.methods),
        only: flags.only,
        timeoutMs: flags.timeout,
        isFirstEnough: flags.bail === true,
        isJson: flags.json === true,
      });
      // A child that was killed may have left a pipe open.
      process.exit(exitCode);
    });
}

function methodList(text: string): ConformMethod[] {
  return text.split(',').map((name) => {
    const known = [...CORE_METHODS, ...FURTHER_METHODS].find((method) => method === name);
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`There is no conformance method '${name}'.`);
  });
}
