import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The loader of a module's TypeScript. */
export type TypeScriptLoader =
  | { readonly kind: 'tsx'; readonly version: string; /** Its package.json. */ readonly list: string }
  /** Node itself, which only removes types (`strip`), or also compiles enums and the like (`transform`). */
  | { readonly kind: 'node'; readonly types: string }
  | { readonly kind: 'none' };

/** Whether the name of `file` ends like that of a file which no Node version that we support loads as JavaScript. */
export function isTypeScript(file: string): boolean {
  return /\.(?:[mc]?ts|[jt]sx)$/.test(file);
}

/**
 * Finds the loader of TypeScript for a module: for the thread that loads it, and for messages that explain a failed load.
 *
 * tsx comes first on every Node: the module's own tsx, or else the one beside this package. The reason is that Node's own type
 * stripping knows no enum, no parameter property, no decorator, no JSX, no `paths`, and no `./x.js` for `x.ts`, so a module that
 * was written with tsx would load on an older Node and not on a newer one.
 *
 * @param file absolute path of the module
 */
export function typeScriptLoaderOf(file: string): TypeScriptLoader {
  for (const from of [file, import.meta.url]) {
    const found = installedPackage('tsx', from);
    if (found !== undefined) return { kind: 'tsx', ...found };
  }
  // Node 22 and newer say how they treat TypeScript; the types of Node 20 don't know the field.
  const { typescript: types } = process.features as { typescript?: unknown };
  return typeof types === 'string' ? { kind: 'node', types } : { kind: 'none' };
}

/** The package that an import in `from` would find; `undefined` if there is none. */
export function installedPackage(
  name: string,
  from: string,
): { readonly version: string; readonly list: string } | undefined {
  try {
    const list = createRequire(from).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(list, 'utf8')) as { version: string };
    return { version, list };
  } catch {
    return undefined;
  }
}
