import { Option, type Command } from 'commander';
import { integer } from '../terminal/arguments.ts';
import { SERVE_FLAGS, type NumberOption } from './flags.ts';

/** What commander has read of flags of `serve`. */
export type PassedFlags = Readonly<Partial<Record<NumberOption, number>>>;

/** Gives flags of `serve` to a command that starts a module. */
export function addServeFlags(command: Command, passed: readonly NumberOption[]): void {
  for (const { flag, about, min, max } of SERVE_FLAGS.filter(({ option }) => passed.includes(option))) {
    command.addOption(new Option(`${flag} <n>`, about).argParser(integer(min, max)));
  }
}

/** Those that were given, as `serve` takes them. */
export function serveArguments(flags: PassedFlags, passed: readonly NumberOption[]): string[] {
  return SERVE_FLAGS.flatMap(({ flag, option }) => {
    const value = passed.includes(option) ? flags[option] : undefined;
    return value === undefined ? [] : [flag, String(value)];
  });
}
