import { fileURLToPath } from 'node:url';

/**
 * The path of another file of this package: the source where this file runs from the sources, and the `.js` that was made
 * of it where it runs compiled.
 *
 * @param from the caller's `import.meta.url`
 * @param source the source file, relative to the caller
 */
export function siblingFile(from: string, source: string): string {
  const isSource = from.endsWith('.ts');
  return fileURLToPath(new URL(isSource ? source : source.replace(/ts$/, 'js'), from));
}
