import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { foldersUp } from './file-above.ts';

const NAME = 'ixt-sdk';

/**
 * The URL of this code. A bundler that makes CommonJS of it leaves no `import.meta.url`, or replaces it by a path of its own
 * machine.
 */
const here =
  (import.meta.url as string | undefined) ??
  (typeof __filename === 'string' ? pathToFileURL(__filename).href : undefined);

/** Whether this is a checkout, where the sources run through a loader. Compiled, this code is a file below `dist/`. */
const isSource = here?.endsWith('.ts') === true;

let found: string | undefined;

/**
 * The folder of this package.
 *
 * Code that was bundled into another program is in no such folder. Then a package that is installed beside that program is used.
 * That is enough, because only programs and files for other processes are wanted from this folder.
 *
 * @throws Error if neither is found; its message says what to leave out of the bundle
 */
export function packageRoot(): string {
  found ??= ownRoot() ?? installedRoot();
  if (found === undefined)
    throw new Error(`the files of ${NAME} were not found from ${whereFrom()}. ${LEAVE_OUT}`);
  return found;
}

/**
 * Throws if this code was bundled, for features that can't work in a bundle.
 *
 * @param what the beginning of the message, its subject and verb
 * @throws Error if this code was bundled
 */
export function refuseInBundle(what: string): void {
  if (ownRoot() === undefined) throw new Error(`${what} in a bundle (${whereFrom()}). ${LEAVE_OUT}`);
}

const LEAVE_OUT =
  `Where a program is bundled into one file, ${NAME} has to stay external and be installed beside it ` +
  `(esbuild: --external:${NAME}; ncc: --external ${NAME}; Rollup, webpack: external or externals).`;

function ownRoot(): string | undefined {
  if (here?.startsWith('file:') !== true) return undefined;
  for (const folder of foldersUp(dirname(fileURLToPath(here)))) {
    if (nameIn(join(folder, 'package.json')) === NAME) return folder;
  }
  return undefined;
}

function installedRoot(): string | undefined {
  for (const from of [here, process.argv[1]]) {
    try {
      if (from !== undefined) return dirname(createRequire(from).resolve(`${NAME}/package.json`));
    } catch {
      // The package can't be found from there, or `from` is no path.
    }
  }
  return undefined;
}

/**
 * The name in a package.json; `undefined` also if the file is missing or unreadable, since any folder above a bundle may have any
 * file.
 */
function nameIn(list: string): unknown {
  try {
    return (JSON.parse(readFileSync(list, 'utf8')) as { name?: unknown } | null)?.name;
  } catch {
    return undefined;
  }
}

function whereFrom(): string {
  return here ?? process.argv[1] ?? process.cwd();
}

/**
 * The path of a source of this package if the sources run, or the path of the file that the build makes of it if compiled code
 * runs.
 *
 * @param source relative to the package: one of the entries in `build.ts`, or a folder with its `/`
 * @param compiled the extension of the file that the build makes of it
 * @throws Error as {@link packageRoot}
 */
export function programFile(source: string, compiled: 'js' | 'cjs' = 'js'): string {
  return join(packageRoot(), isSource ? source : `dist/${source.replace(/ts$/, compiled)}`);
}

/** The arguments that Node needs before the name of a {@link programFile} to run it. */
export const programArgs: readonly string[] = isSource ? ['--import', import.meta.resolve('tsx')] : [];

/**
 * Further arguments of Node for `serve`, here and in `bin/ixt-module`. They keep each half of main's young generation at 2 MB. V8
 * would double it up to 16 MB as survivors add up, which costs tens of megabytes although nearly all of main's objects die at once.
 * The limit holds for main only, because serve removes it before it starts a thread.
 */
export const serveArgs: readonly string[] = ['--max-semi-space-size=2'];
