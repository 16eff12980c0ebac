import { fileURLToPath } from 'node:url';

/**
 * The path of another file of this package, given without its ending: `.ts` where this file runs from the sources,
 * `.js` where it runs compiled.
 *
 * @param from the caller's `import.meta.url`
 */
export function siblingFile(from: string, relative: string): string {
  const ending = from.endsWith('.ts') ? '.ts' : '.js';
  return fileURLToPath(new URL(relative + ending, from));
}
