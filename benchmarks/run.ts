/**
 * `npm run bench`: compiles the project and the benchmarks, and runs what was compiled. Measured through a loader, host and
 * start-up would pay for the loader.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './harness/build.ts';

const root = join(import.meta.dirname, '..');
if (!existsSync(join(import.meta.dirname, 'node_modules', '@grpc'))) {
  console.error(
    'The peers that are measured beside the package are not installed. To go on: npm ci --prefix benchmarks',
  );
  process.exit(1);
}
const compiled = await build(root);
const args = process.argv.slice(2);
const isProfile = args[0] === '--profile';
const script = join(compiled, 'benchmarks', isProfile ? 'profile.js' : 'main.js');
const child = spawn(process.execPath, [script, ...(isProfile ? args.slice(1) : ['--root', root, ...args])], {
  stdio: 'inherit',
});
child.on('exit', (code) => (process.exitCode = code ?? 1));
