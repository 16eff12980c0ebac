import { fileURLToPath } from 'node:url';
import { packageRoot, programArgs, programFile, serveArgs } from '../base/package-files.ts';

/** The descriptors that `bin/ixt-launch` moves the protocol to, as `serve --descriptors` takes them. */
export const LAUNCHER_DESCRIPTORS = '3,4';

/** The command line that runs our own `serve`, without that word and its flags. */
export function runnerCommand(): string[] {
  return [process.execPath, ...serveArgs, ...programArgs, programFile('src/cli/main.ts', 'cjs')];
}

/** What to put in front of a command so that its protocol is on {@link LAUNCHER_DESCRIPTORS}. */
export function launcherPrefix(): string[] {
  return ['/bin/sh', fileURLToPath(new URL('bin/ixt-launch', packageRoot))];
}
