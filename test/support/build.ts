import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import type * as HostKit from '../../src/host/index.ts';
import type * as NatsKit from '../../src/nats/index.ts';
import { buildPage, bundle } from '../../build.ts';
import type * as RawSessionFile from './raw-session.ts';
import { LAUNCHER_DESCRIPTORS } from '../../src/host/runner-command.ts';
import { serveArgs } from '../../src/base/package-files.ts';

/** One change to the sources: `find` must stand in `file` exactly once. */
export interface Mutation {
  /** Relative to the package, `src/main/workers/pool.ts` say. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The package as it is published, and the modules of test/fixtures compiled with it. */
export interface Build {
  /** The command `ixt-module`. */
  readonly command: string;
  /** The compiled module `NAME.ts` of test/fixtures; hosts among them, too. */
  fixture(name: string): string;
  /** Builds the page of `dev` and `view`, too. */
  page(): Promise<void>;
  /** The command that serves such a module over stdin and stdout, through the launcher; flags may follow. */
  serve(fixture: string): [string, ...string[]];
  /** The host kit; the children that it starts by `file` run this build, too. */
  host(): Promise<typeof HostKit>;
  /** What reaches into the sessions of that host kit, built with it. */
  rawSession(): Promise<typeof RawSessionFile>;
  /** As `host`, for modules on NATS. */
  nats(): Promise<typeof NatsKit>;
  /** The URL of that entry, for a client in a process of its own. */
  readonly natsEntry: string;
}

const RAW_SESSION = 'test/support/raw-session.ts';

const packageRoot = join(import.meta.dirname, '../..');

/**
 * Builds the package into a temporary folder, with `mutations` applied: what is shipped, but for the mechanism that a test takes
 * away. A child of it starts many times as fast as from sources through a loader. The folder goes when this process exits.
 *
 * @throws Error where a text that is to be replaced doesn't stand there exactly once: the mutation would test nothing
 */
export async function buildPackage(mutations: readonly Mutation[] = []): Promise<Build> {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-build-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const dist = join(folder, 'dist');
  const mutator = mutating(mutations);
  await bundle(dist, { entries: [RAW_SESSION, ...fixtures()], plugins: [mutator.plugin] });
  if (mutator.unmet().length > 0) throw new Error(`no part of the build: ${mutator.unmet().join(', ')}`);
  for (const part of ['bin', 'templates', 'package.json']) {
    cpSync(join(packageRoot, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  const fixture = (name: string): string => join(dist, 'test/fixtures', `${name}.js`);
  const imported = (path: string): Promise<unknown> => import(pathToFileURL(join(dist, path)).href);
  return {
    command: join(folder, 'bin/ixt-module'),
    fixture,
    page: () => buildPage(join(dist, 'page')),
    serve: (name) => [
      '/bin/sh',
      join(folder, 'bin/ixt-launch'),
      process.execPath,
      ...serveArgs,
      join(dist, 'src/cli/main.cjs'),
      'serve',
      fixture(name),
      '--descriptors',
      LAUNCHER_DESCRIPTORS,
    ],
    host: () => imported('src/host/index.js') as Promise<typeof HostKit>,
    rawSession: () => imported(RAW_SESSION.replace(/ts$/, 'js')) as Promise<typeof RawSessionFile>,
    nats: () => imported('src/nats/index.js') as Promise<typeof NatsKit>,
    natsEntry: pathToFileURL(join(dist, 'src/nats/index.js')).href,
  };
}

function fixtures(): string[] {
  return readdirSync(join(packageRoot, 'test/fixtures'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `test/fixtures/${name}`);
}

/** A build takes several runs of the bundler, and most files are a part of some of them only. */
function mutating(mutations: readonly Mutation[]): { plugin: Plugin; unmet(): string[] } {
  const texts = new Map<string, string>();
  for (const mutation of mutations) {
    const path = join(packageRoot, mutation.file);
    texts.set(path, mutated(texts.get(path) ?? readFileSync(path, 'utf8'), mutation));
  }
  const met = new Set<string>();
  const plugin: Plugin = {
    name: 'mutations',
    setup: (bundler) => {
      bundler.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = texts.get(path);
        if (contents === undefined) return undefined;
        met.add(path);
        return { contents, loader: 'ts' };
      });
    },
  };
  return { plugin, unmet: () => [...texts.keys()].filter((path) => !met.has(path)) };
}

function mutated(text: string, { file, find, replace }: Mutation): string {
  const parts = text.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`this stands ${parts.length - 1} times in ${file}, and not once:\n${find}`);
}
