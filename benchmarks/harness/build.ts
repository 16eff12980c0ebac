import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../../build.ts';

/**
 * Compiles the benchmarks, file by file, and the package as it is published, into a folder that tools and git ignore, laid out like
 * the package: `dist/` beside `bin/`. Types are not checked: that is `npm run types`.
 *
 * @param root the project's root
 * @returns the folder that holds `src/` and `benchmarks/` as JavaScript
 */
export async function build(root: string): Promise<string> {
  // Below the peers that benchmarks/package.json brings: what is compiled finds them, and the project's own packages, too.
  const folder = join(root, 'benchmarks', 'node_modules', '.cache', 'ixt-bench');
  const dist = join(folder, 'dist');
  mkdirSync(folder, { recursive: true });
  // By this name the package finds its own files.
  writeFileSync(join(folder, 'package.json'), '{ "name": "ixt-sdk", "type": "module" }\n');
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'benchmarks', 'tsconfig.json'), '--outDir', dist];
  // The compiler's words go to stderr: stdout is for results.
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('The benchmarks do not compile.');
  // Over the files that the compiler has made of the same sources: what is measured is what is published.
  await bundle(dist);
  return dist;
}
