import { fileURLToPath } from 'node:url';

/** The descriptors that `bin/ixt-launch` moves the protocol to, as `serve --descriptors` takes them. */
export const LAUNCHER_DESCRIPTORS = '3,4';

const isSource = import.meta.url.endsWith('.ts');
/** The folder of the package. This file is src/host/runner-command.ts, or dist/src/host/runner-command.js once compiled. */
export const packageRoot = new URL(isSource ? '../../' : '../../../', import.meta.url);

/** The command line that runs our own `serve`, without its flags: from the sources through tsx, compiled without it. */
export function runnerCommand(): string[] {
  if (!isSource) return [process.execPath, fileURLToPath(new URL('dist/src/cli/main.js', packageRoot))];
  const main = fileURLToPath(new URL('src/cli/main.ts', packageRoot));
  return [process.execPath, '--import', import.meta.resolve('tsx'), main];
}

/** What to put in front of a command so that its protocol is on {@link LAUNCHER_DESCRIPTORS}. */
export function launcherPrefix(): string[] {
  return ['/bin/sh', fileURLToPath(new URL('bin/ixt-launch', packageRoot))];
}
