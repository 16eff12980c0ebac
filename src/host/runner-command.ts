import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot, programArgs, programFile, serveArgs } from '../base/package-files.ts';

/** The descriptors that `bin/ixt-launch` moves the protocol to, as `serve --descriptors` takes them. */
export const LAUNCHER_DESCRIPTORS = '3,4';

/** The command line that runs our own `serve`, without that word and its flags. @throws Error as {@link packageRoot} */
export function runnerCommand(): string[] {
  return [process.execPath, ...serveArgs, ...programArgs, programFile('src/cli/main.ts', 'cjs')];
}

let script: string | undefined;

/**
 * The words to put in front of a command so that its protocol is on {@link LAUNCHER_DESCRIPTORS}.
 *
 * They hold the text of `bin/ixt-launch` and not its path, because the package may be in a zip, which Node can read under Yarn and
 * a shell can't.
 *
 * @throws Error as {@link packageRoot}
 */
export function launcherPrefix(): string[] {
  script ??= readFileSync(join(packageRoot(), 'bin/ixt-launch'), 'utf8');
  return ['/bin/sh', '-c', script, 'ixt-launch'];
}
