import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LAUNCHER_DESCRIPTORS, launcherPrefix, runnerCommand } from '../host/runner-command.ts';

/** Signals that a host or a person sends to the process that they started, and that are meant for the module. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/**
 * Whether a command line serves on standard input and output, so that they must first be moved away from whoever prints: the
 * same question that `bin/ixt-module` asks where a shell runs it. Help is for whoever reads standard output, and who names
 * descriptors has made them.
 */
function servesOnStandardDescriptors([command, ...args]: readonly string[]): boolean {
  return command === 'serve' && !args.some((arg) => /^(-h$|--help$|--descriptors)/.test(arg));
}

/** Runs a command in place of this process, or where Node can't do that, as its only child, and ends as it ends. */
function replaceBy(command: readonly string[]): void {
  const [program = '', ...args] = command;
  const { execve } = process as { execve?: (file: string, args: readonly string[]) => never };
  execve?.(program, command);
  // In a group of its own: ^C on a terminal would reach it twice, and the second signal ends it at once.
  const child = spawn(program, args, { stdio: 'inherit', detached: true });
  for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal));
  child.once('error', ({ message }) => {
    process.stderr.write(`ixt-module: ${program} can't be started: ${message}\n`);
    process.exitCode = 78;
  });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  });
}

const args = process.argv.slice(2);
if (servesOnStandardDescriptors(args)) {
  const [command = '', ...flags] = args;
  const [node = '', ...main] = runnerCommand();
  const serve = [
    node,
    ...process.execArgv,
    ...main,
    command,
    '--descriptors',
    LAUNCHER_DESCRIPTORS,
    ...flags,
  ];
  replaceBy([...launcherPrefix(), ...serve]);
} else {
  void import('./main.ts');
}
