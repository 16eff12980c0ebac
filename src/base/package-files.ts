import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whether this is a checkout, whose sources run through a loader: compiled, this code is some file below `dist/`. */
const isSource = import.meta.url.endsWith('.ts');

/** The folder of the package. */
export const packageRoot = above(import.meta.url);

function above(file: string): URL {
  let folder = new URL('./', file);
  while (!existsSync(new URL('package.json', folder))) folder = new URL('../', folder);
  return folder;
}

/**
 * The path of a source of this package where this runs from the sources, and of what was made of it where it runs compiled.
 *
 * @param source relative to the package: one of the entries in `build.ts`, or a folder with its `/`
 * @param compiled what the build makes of it
 */
export function programFile(source: string, compiled: 'js' | 'cjs' = 'js'): string {
  return fileURLToPath(new URL(isSource ? source : `dist/${source.replace(/ts$/, compiled)}`, packageRoot));
}

/** What Node needs to run a {@link programFile}, before its name. */
export const programArgs: readonly string[] = isSource ? ['--import', import.meta.resolve('tsx')] : [];

/**
 * What Node is told about `serve` besides, here and in `bin/ixt-module`: main's young generation stays at 2 MB a half. V8 would
 * double it to 16 as what survives adds up, tens of megabytes for what is nearly all dead at once. It holds for main only: serve
 * takes it back before it starts a thread.
 */
export const serveArgs: readonly string[] = ['--max-semi-space-size=2'];
