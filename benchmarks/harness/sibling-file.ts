import { fileURLToPath } from 'node:url';

/**
 * The path of another file of this package: the source where this file runs from the sources, and what was made of it where
 * it runs compiled.
 *
 * @param from the caller's `import.meta.url`
 * @param source the source file, relative to the caller
 * @param compiled what the build makes of it
 */
export function siblingFile(from: string, source: string, compiled: 'js' | 'cjs' = 'js'): string {
  const isSource = from.endsWith('.ts');
  return fileURLToPath(new URL(isSource ? source : source.replace(/ts$/, compiled), from));
}
