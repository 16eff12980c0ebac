import { spawnSync } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { textOf } from '../base/thrown.ts';
import type { Initialized } from '../host/index.ts';
import { spawnModule, type ModuleProcess, type SpawnModuleOptions } from '../host/index.ts';
import { EXIT } from '../main/options.ts';
import { CliError } from './terminal/failure.ts';

/** A module child that has loaded its module. */
export interface OpenedModule {
  readonly module: ModuleProcess;
  readonly info: Initialized;
}

/**
 * Starts a module and waits until it is loaded. What it prints goes to standard error, unless `options` say otherwise.
 *
 * @param caller which command starts it, for the module's logs
 * @throws CliError for a module that can't be loaded; why is on standard error then
 */
export async function openModule(
  file: string,
  caller: string,
  options: SpawnModuleOptions = {},
): Promise<OpenedModule> {
  await checkModuleFile(file);
  const module = spawnModule({
    file,
    onStderr: (text) => void process.stderr.write(text),
    ...options,
  });
  try {
    return { module, info: await module.initialize({ runtimeName: `ixt-module ${caller}` }) };
  } catch (error) {
    const { code, signal } = await module.close();
    // It has said why, in words for its author.
    if (code === EXIT.badModule) throw new CliError(EXIT.badModule, '', syntaxPlace(file));
    // ^C on a terminal reaches the child, too.
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    throw new CliError(
      1,
      code === null && signal === null ? textOf(error) : `the module ${how} before it had started`,
    );
  }
}

/** @throws CliError where `file` is no file, with what was probably meant */
export async function checkModuleFile(file: string): Promise<void> {
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() === true) return;
  if (info !== undefined) {
    throw new CliError(
      EXIT.badModule,
      `${file} is not a file`,
      'Give the path of the module’s .js or .ts file.',
    );
  }
  throw new CliError(EXIT.badModule, `there is no file ${file}`, await suggestion(file));
}

/** The place at which a JavaScript file can't be parsed. Node prints it only with its own report; the error doesn't have it. */
export function syntaxPlace(file: string): string | undefined {
  if (!/\.[mc]?js$/.test(file)) return undefined;
  const { status, stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
  const [place] = stderr.split('\n\n');
  return status === 0 || place === undefined || place === '' ? undefined : place;
}

const MODULE_FILE = /\.[mc]?[jt]s$/;

async function suggestion(file: string): Promise<string> {
  const folder = dirname(file);
  const stem = basename(file, extname(file));
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined)
    return `There is no folder ${folder} either; the path is relative to ${process.cwd()}.`;
  const near = names.filter((name) => MODULE_FILE.test(name) && basename(name, extname(name)) === stem);
  const modules = names.filter((name) => MODULE_FILE.test(name) && !name.endsWith('.d.ts'));
  if (near[0] !== undefined) return `Did you mean ${join(folder, near[0])}?`;
  if (modules.length > 0) return `That folder has: ${modules.slice(0, 5).join(', ')}.`;
  return `The path is relative to ${process.cwd()}.`;
}
