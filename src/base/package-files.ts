import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { foldersUp } from './file-above.ts';

const NAME = 'ixt-sdk';

/** Where this code is. A bundler that makes CommonJS of it leaves no `import.meta.url`, or puts the path of its own machine there. */
const here =
  (import.meta.url as string | undefined) ??
  (typeof __filename === 'string' ? pathToFileURL(__filename).href : undefined);

/** Whether this is a checkout, whose sources run through a loader: compiled, this code is some file below `dist/`. */
const isSource = here?.endsWith('.ts') === true;

let found: string | undefined;

/**
 * The folder of this package.
 *
 * Code that was bundled into a program of its own is in no such folder. A package that is installed beside that program serves it, since
 * all that is wanted from here are programs and files for processes of their own.
 *
 * @throws Error where neither is there, with what to leave out of the bundle
 */
export function packageRoot(): string {
  found ??= ownRoot() ?? installedRoot();
  if (found === undefined)
    throw new Error(`the files of ${NAME} were not found from ${whereFrom()}. ${LEAVE_OUT}`);
  return found;
}

/** Refuses what can't work in a bundle. @param what the subject of the sentence @throws Error where this code was bundled */
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
      // Not from there, or it is no path.
    }
  }
  return undefined;
}

/** The name in a package.json; `undefined` also for a file that is none, as any folder above a bundle may have. */
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
 * The path of a source of this package where this runs from the sources, and of what was made of it where it runs compiled.
 *
 * @param source relative to the package: one of the entries in `build.ts`, or a folder with its `/`
 * @param compiled what the build makes of it
 * @throws Error as {@link packageRoot}
 */
export function programFile(source: string, compiled: 'js' | 'cjs' = 'js'): string {
  return join(packageRoot(), isSource ? source : `dist/${source.replace(/ts$/, compiled)}`);
}

/** What Node needs to run a {@link programFile}, before its name. */
export const programArgs: readonly string[] = isSource ? ['--import', import.meta.resolve('tsx')] : [];

/**
 * What Node is told about `serve` besides, here and in `bin/ixt-module`: main's young generation stays at 2 MB a half. V8 would
 * double it to 16 as what survives adds up, tens of megabytes for what is nearly all dead at once. It holds for main only: serve
 * takes it back before it starts a thread.
 */
export const serveArgs: readonly string[] = ['--max-semi-space-size=2'];
