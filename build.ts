import { build, type Plugin } from 'esbuild';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is imported, spawned or preloaded by its own name. `src/cli/main.ts` and the worker are what a child process runs. */
const ENTRIES = [
  'src/index.ts',
  'src/diagnostics.ts',
  'src/host/index.ts',
  'src/testing/index.ts',
  'src/cli/main.ts',
  'src/cli/doctor/print-trace.ts',
  'workers/stream-worker.ts',
];

export interface BundleOptions {
  /** Further entries, relative to the project. */
  readonly entries?: readonly string[];
  readonly plugins?: readonly Plugin[];
}

/**
 * Compiles the package into `folder`: a file for each entry where its source is, and what they share in `src/chunk-….js`, so that
 * a class is there once whichever entry asks for it. Not a file for each module: half of what a child and its threads do until
 * they are ready is to find and read modules, and every thread does it again.
 */
export async function bundle(folder: string, options: BundleOptions = {}): Promise<void> {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: [...ENTRIES, ...(options.entries ?? [])],
    outdir: folder,
    outbase: '.',
    chunkNames: 'src/chunk-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    logLevel: 'error',
    plugins: [...(options.plugins ?? [])],
  });
  // What Piscina loads is CommonJS, and nothing but the worker's import.
  const door = readFileSync(join(import.meta.dirname, 'workers/stream-worker.cts'), 'utf8');
  writeFileSync(join(folder, 'workers/stream-worker.cjs'), door.replace("worker.ts'", "worker.js'"));
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
