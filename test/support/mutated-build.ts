import { build } from 'esbuild';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LAUNCHER_DESCRIPTORS } from '../../src/host/runner-command.ts';

/** One change to the sources: `find` must stand in `file` exactly once. */
export interface Mutation {
  /** Relative to the package, `src/main/pool.ts` say. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A compiled copy of the package. */
export interface Build {
  /** The command that serves a module of test/fixtures over stdin and stdout, through the launcher; flags may follow. */
  serve(fixture: string): [string, ...string[]];
}

const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** What runs: the command line, what runs in its threads, and the stress's handlers. */
const ENTRIES = ['src/cli/main.ts', 'workers/stream-worker.ts', 'test/fixtures/stress.ts'];

/**
 * Compiles the package into a temporary folder, with `mutations` applied: the code that is shipped, but for the mechanism that a
 * test takes away. A worker of it starts many times as fast as from sources through a loader, so the stress itself runs on such a
 * build too. The folder goes when this process exits.
 *
 * @throws Error where a text that is to be replaced doesn't stand there exactly once: the mutation would test nothing
 */
export async function buildPackage(mutations: readonly Mutation[] = []): Promise<Build> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-build-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const texts = new Map<string, string>();
  for (const mutation of mutations) {
    const path = join(packageRoot, mutation.file);
    texts.set(path, mutated(texts.get(path) ?? readFileSync(path, 'utf8'), mutation));
  }
  await build({
    absWorkingDir: packageRoot,
    entryPoints: ENTRIES,
    outdir: folder,
    outbase: packageRoot,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    plugins: [
      {
        name: 'mutations',
        setup: (bundler) => {
          const met = new Set<string>();
          bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const contents = texts.get(path);
            if (contents === undefined) return undefined;
            met.add(path);
            return { contents, loader: 'ts' };
          });
          bundler.onEnd(() => {
            if (met.size < texts.size) throw new Error('a mutated file is no part of the build');
          });
        },
      },
    ],
  });
  // What Piscina loads stays a file of its own, since it is CommonJS; it holds nothing but the worker's import.
  const loaded = readFileSync(join(packageRoot, 'workers/stream-worker.cts'), 'utf8');
  writeFileSync(join(folder, 'workers/stream-worker.cjs'), loaded.replace("worker.ts'", "worker.js'"));
  cpSync(join(packageRoot, 'bin'), join(folder, 'bin'), { recursive: true });
  cpSync(join(packageRoot, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  return {
    serve: (fixture) => [
      '/bin/sh',
      join(folder, 'bin/ixt-launch'),
      process.execPath,
      join(folder, 'src/cli/main.js'),
      'serve',
      join(folder, 'test/fixtures', `${fixture}.js`),
      '--descriptors',
      LAUNCHER_DESCRIPTORS,
    ],
  };
}

function mutated(text: string, { file, find, replace }: Mutation): string {
  const parts = text.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`this stands ${parts.length - 1} times in ${file}, and not once:\n${find}`);
}
