import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
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
  // Below the peers that benchmarks/package.json brings, so that what is compiled finds them.
  const folder = join(root, 'benchmarks', 'node_modules', '.cache', 'ixt-bench');
  const dist = join(folder, 'dist');
  mkdirSync(folder, { recursive: true });
  // The package finds its own files and its version by it.
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  // Nearer than they are the package's own dependencies: a peer may have brought another version of one.
  const dependencies = join(folder, 'node_modules');
  rmSync(dependencies, { force: true });
  symlinkSync(join(root, 'node_modules'), dependencies);
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
