import { build, type BuildOptions, type Plugin } from 'esbuild';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What is imported or preloaded by its own name, and the commands that only people type. */
const ENTRIES = [
  'src/index.ts',
  'src/diagnostics.ts',
  'src/host/index.ts',
  'src/testing/index.ts',
  'src/cli/program.ts',
  'src/cli/doctor/print-trace.ts',
];

export interface BundleOptions {
  /** Further entries, relative to the project. */
  readonly entries?: readonly string[];
  readonly plugins?: readonly Plugin[];
}

/**
 * Compiles the package into `folder`, each entry to where its source is: a library of ES modules, and the programs of a child process.
 * Half of what a child and its threads do until they are ready is to find and read modules, and every thread does it again. So
 * there is no file for each module:
 *
 * - What the library's entries share is in `src/chunk-….js`, so that a class is there once whichever entry asks for it.
 * - A child's main thread and its workers each read one CommonJS file with all they need. Node takes a third of the time for it that it
 *   takes for the same as ES modules in a dozen files. What a worker has in common with the module that it runs is there
 *   twice, once from here and once from the library: no code may rely on the identity of a class or an object.
 */
export async function bundle(folder: string, options: BundleOptions = {}): Promise<void> {
  const common: BuildOptions = {
    absWorkingDir: import.meta.dirname,
    outdir: folder,
    outbase: '.',
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    logLevel: 'error',
  };
  const plugins = options.plugins ?? [];
  await build({
    ...common,
    entryPoints: [...ENTRIES, ...(options.entries ?? [])],
    chunkNames: 'src/chunk-[hash]',
    splitting: true,
    format: 'esm',
    plugins: [...plugins],
  });
  const commonJs: BuildOptions = { ...common, format: 'cjs', outExtension: { '.js': '.cjs' } };
  await build({
    ...commonJs,
    entryPoints: ['src/cli/command-line.ts', 'workers/stream-worker.ts'],
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
    plugins: [...plugins, elsewhere('./program.ts', './program.js')],
  });
  await build({
    ...commonJs,
    entryPoints: ['src/cli/main.ts'],
    // An import would load Node's loader of ES modules first.
    supported: { 'dynamic-import': false },
    plugins: [elsewhere('./command-line.ts', './command-line.cjs')],
  });
}

/** Leaves an import of `source` to be one of the file `compiled`, which another build makes. */
function elsewhere(source: string, compiled: string): Plugin {
  return {
    name: `elsewhere ${source}`,
    setup: (bundler) => {
      const filter = new RegExp(`^${source.replaceAll('.', '\\.')}$`);
      bundler.onResolve({ filter }, () => ({ path: compiled, external: true }));
    },
  };
}

/** The modules that come with the package. */
export function samples(): string[] {
  return readdirSync(join(import.meta.dirname, 'workers'))
    .filter((name) => name.endsWith('.ts') && name !== 'start.ts' && name !== 'stream-worker.ts')
    .map((name) => `workers/${name}`);
}

if (process.argv[1] === import.meta.filename) {
  await bundle(join(import.meta.dirname, 'dist'), { entries: samples() });
}
