import { build, type BuildOptions, type Plugin } from 'esbuild';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What modules import. */
const LIBRARY = 'src/index.ts';

/** What else is imported or preloaded by its own name, and the commands that only people type. */
const ENTRIES = [
  'src/diagnostics.ts',
  'src/host/index.ts',
  'src/nats/index.ts',
  'src/opentelemetry/index.ts',
  'src/testing/index.ts',
  'src/wire/index.ts',
  'src/capnp/index.ts',
  'schema/generated/ipc.ts',
  'schema/generated/ipc_streaming.ts',
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
 * - What a module imports is one file with all of it, which modules of this build find by the package's name, as an author's do.
 * - What the other entries share is in `src/chunk-….js`.
 * - A child's main thread and its workers each read one CommonJS file with all they need. Node takes a third of the time for it that it
 *   takes for the same as ES modules in a dozen files.
 *
 * So what a module has in common with the worker that runs it, or with the test that imports it, is there twice: no code may
 * rely on the identity of a class or an object.
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
  const esm: BuildOptions = { ...common, format: 'esm' };
  await build({ ...esm, entryPoints: [LIBRARY], plugins: [...plugins] });
  await build({
    ...esm,
    entryPoints: [...ENTRIES, ...(options.entries ?? [])],
    chunkNames: 'src/chunk-[hash]',
    splitting: true,
    plugins: [...plugins, elsewhere(/^[./]+\/src\/index\.ts$/, 'ixt-sdk')],
  });
  const commonJs: BuildOptions = {
    ...common,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  };
  await build({
    ...commonJs,
    entryPoints: ['src/cli/command-line.ts', 'workers/stream-worker.ts'],
    plugins: [...plugins, elsewhere(/^\.\/program\.ts$/, './program.js')],
  });
  await build({
    ...commonJs,
    entryPoints: ['src/cli/main.ts', 'src/cli/started-by-node.ts'],
    // An import would load Node's loader of ES modules first.
    supported: { 'dynamic-import': false },
    plugins: [
      elsewhere(/^\.\/command-line\.ts$/, './command-line.cjs'),
      elsewhere(/^\.\/main\.ts$/, './main.cjs'),
    ],
  });
}

/** Leaves an import of `source`, as it is written, to be one of `compiled`, which another build makes. */
function elsewhere(source: RegExp, compiled: string): Plugin {
  return {
    name: `elsewhere ${compiled}`,
    setup: (bundler) => {
      bundler.onResolve({ filter: source }, () => ({ path: compiled, external: true }));
    },
  };
}

/** The modules that come with the package. */
export function samples(): string[] {
  return readdirSync(join(import.meta.dirname, 'workers'))
    .filter((name) => name.endsWith('.ts') && name !== 'start.ts' && name !== 'stream-worker.ts')
    .map((name) => `workers/${name}`);
}

/** Builds the page of `dev` and `view` into `folder`, as static files that need nothing else. */
export async function buildPage(folder: string): Promise<void> {
  // Tests that need no page don't wait for it.
  const { build: buildByVite } = await import('vite');
  await buildByVite({
    root: join(import.meta.dirname, 'page'),
    base: './',
    // The parts say of themselves that they are for a client, which is no news for a page, thousands of times.
    logLevel: 'error',
    build: {
      outDir: folder,
      emptyOutDir: true,
      // All lies in one folder, and nothing in the page itself: the policy that the server sets allows files only.
      assetsDir: '',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // Imported for the tests of the forms library only, and left out with them.
      rolldownOptions: { external: ['@rjsf/validator-ajv8'] },
    },
  });
}

if (process.argv[1] === import.meta.filename) {
  await bundle(join(import.meta.dirname, 'dist'), { entries: samples() });
  await buildPage(join(import.meta.dirname, 'dist/page'));
}
