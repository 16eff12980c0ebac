/**
 * `npm run bench`: compiles the project and the benchmarks, and runs what was compiled. Measured through a loader, host and
 * start-up would pay for the loader.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from './harness/build.ts';

const root = join(import.meta.dirname, '..');
if (!existsSync(join(import.meta.dirname, 'node_modules', '@grpc'))) {
  console.error(
    'The peers that are measured beside the package are not installed. To go on: npm ci --prefix benchmarks',
  );
  process.exit(1);
}
const compiled = await build(root);
const { nodes, args } = takeNodes(process.argv.slice(2));
const isProfile = args[0] === '--profile';
const script = join(compiled, 'benchmarks', isProfile ? 'profile.js' : 'main.js');
for (const node of nodes) {
  const scriptArgs = isProfile ? args.slice(1) : ['--root', root, ...args];
  const [code] = (await once(spawn(node, [script, ...scriptArgs], { stdio: 'inherit' }), 'exit')) as [
    number | null,
  ];
  if (code !== 0) process.exit(code ?? 1);
}

/** `--node PATH,PATH`: the programs that measure, paths or names, one after the other; this Node by default. The host runs on it, and every child. */
function takeNodes(words: readonly string[]): { nodes: readonly string[]; args: readonly string[] } {
  const flag = words.indexOf('--node');
  if (flag < 0) return { nodes: [process.execPath], args: words };
  const nodes = (words[flag + 1] ?? '').split(',').map((name) => (name.includes('/') ? resolve(name) : name));
  return { nodes, args: words.toSpliced(flag, 2) };
}
