import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The file of that name in `folder`, or in the nearest folder above that has one; `undefined` if no folder up to the root has one.
 */
export function fileAbove(folder: string, name: string): string | undefined {
  for (const above of foldersUp(folder)) {
    const file = join(above, name);
    if (existsSync(file)) return file;
  }
  return undefined;
}

/** `folder` and all folders above it, the root last. */
export function* foldersUp(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield at;
    if (dirname(at) === at) return;
  }
}
