import { dirname, join, normalize } from 'node:path/posix';

/** One source file: its path from the project's root with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The rooms of src/, and below them what each may import of the others. `root` is the files of src/ itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  base: ['base', 'errors'],
  live: ['live', 'root', 'base', 'errors'],
  wire: ['wire', 'errors'],
  interceptors: ['interceptors', 'wire', 'errors'],
  opentelemetry: ['opentelemetry', 'interceptors', 'root', 'wire', 'errors'],
  handle: ['handle', 'wire', 'base', 'errors'],
  'shared-memory': ['shared-memory', 'errors'],
  root: ['root', 'handle', 'interceptors', 'methods', 'wire', 'base', 'errors'],
  threads: ['threads', 'shared-memory', 'wire', 'root', 'base', 'errors'],
  main: ['main', 'threads', 'live', 'shared-memory', 'handle', 'wire', 'root', 'base', 'errors'],
  worker: [
    'worker',
    'interceptors',
    'threads',
    'live',
    'shared-memory',
    'methods',
    'handle',
    'wire',
    'root',
    'base',
    'errors',
  ],
  methods: ['methods', 'handle', 'wire', 'base', 'root', 'errors'],
  capnp: ['capnp', 'methods', 'wire', 'errors'],
  host: ['host', 'interceptors', 'methods', 'wire', 'base', 'errors'],
  nats: ['nats', 'host', 'methods', 'wire', 'base', 'errors'],
  testing: [
    'testing',
    'host',
    'main',
    'worker',
    'threads',
    'live',
    'methods',
    'handle',
    'shared-memory',
    'wire',
    'root',
    'base',
    'errors',
  ],
  cli: ['cli', 'live', 'nats', 'host', 'main', 'methods', 'wire', 'base', 'errors'],
  // The page runs in a browser: of the sources it knows what it is told.
  page: ['page', 'live', 'errors'],
  // What Piscina loads is worker code; the sample modules use what an author uses.
  workers: ['workers', 'worker', 'root', 'errors'],
  demo: ['demo', 'workers', 'cli', 'host', 'root', 'errors'],
};

/** Rooms that know no process: nothing of `node:`. */
const PURE = new Set(['wire', 'handle', 'live', 'page', 'errors']);

/** The root files that {@link ALLOWED} judges. */
const ROOT_FILES = ['errors.ts', 'module.ts', 'diagnostics.ts', 'index.ts'];

/** The root files that both main and worker may know; `index` is for module authors alone. */
const SHARED_ROOT = new Set(['module', 'diagnostics']);

/**
 * Files and folders that know less than the room that they are in: of `src/`, what their imports may begin with. Inside main an
 * arrow leads down this list: input, process, streams, calls, workers, output; serve and runner, which build main, stand above it.
 */
const NARROW: readonly (readonly [path: string, mayKnow: readonly string[]])[] = [
  ['wire/capnp/', ['wire/capnp/']],
  [
    'cli/conform/',
    [
      'cli/',
      'wire/',
      'base/',
      'errors.ts',
      'main/options.ts',
      'host/handed-out.ts',
      'host/transport/stderr-tail.ts',
    ],
  ],
  ...mainOrder(['input/', 'process/', 'streams/', 'calls/', 'workers/', 'output/', 'options.ts']),
];

/** Parts of one file that nobody else may know, and the file. */
const PRIVATE: Readonly<Record<string, string>> = {
  'src/wire/data-fast-path.ts': 'src/wire/message-decoder.ts',
};

function mainOrder(rooms: readonly string[]): [string, string[]][] {
  const OUTSIDE = Object.keys(ALLOWED).flatMap((room) => (room === 'main' ? [] : [`${room}/`]));
  return rooms.map((room, index) => [
    `main/${room}`,
    [...rooms.slice(index).map((below) => `main/${below}`), ...OUTSIDE, ...ROOT_FILES],
  ]);
}

/** Where each package may be imported; one without a rule may not be imported at all. */
const PACKAGES: Readonly<Record<string, (path: string) => boolean>> = {
  piscina: (path) => path === 'src/main/workers/thread-links.ts',
  commander: (path) => path.startsWith('src/cli/') || path === 'workers/start.ts',
  '@nats-io/transport-node': (path) => path.startsWith('src/nats/'),
  'prom-client': (path) => path === 'src/main/process/metrics-server.ts',
  '@opentelemetry/api': (path) => path.startsWith('src/opentelemetry/'),
  'capnp-es': (path) => path.startsWith('src/capnp/'),
  tsx: (path) => path === 'src/worker/module-loader.ts',
  ...ofThePage(
    'react',
    'react-dom',
    '@mantine/core',
    '@mantine/hooks',
    '@rjsf/mantine',
    '@rjsf/utils',
    '@cfworker/json-schema',
    'react-json-view-lite',
    'uplot',
  ),
  'fast-png': (path) => path.startsWith('workers/demo/'),
  'cli-progress': (path) => path.startsWith('workers/demo/'),
};

function ofThePage(...names: readonly string[]): Record<string, (path: string) => boolean> {
  return Object.fromEntries(names.map((name) => [name, (path: string) => path.startsWith('page/')]));
}

/** What a file imports or re-exports, statically or by a literal `import()`, types too. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/^\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm);
  const calls = code.matchAll(/\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g);
  return [...statements, ...calls].map(([, specifier]) => specifier ?? '');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

/** The room of a path; `undefined` for what is no source of the product. */
function roomOf(path: string): string | undefined {
  if (path.startsWith('workers/demo/') || path === 'workers/start.ts') return 'demo';
  if (path.startsWith('workers/')) return 'workers';
  if (path.startsWith('page/')) return 'page';
  const [, first, second] = /^src\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (first === undefined) return undefined;
  if (second !== undefined) return first;
  return first === 'errors.ts' ? 'errors' : 'root';
}

/** Every breach of the dependency rules, a sentence each. */
export function breachesOf(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [...importBreaches(file), ...tokenBreaches(file)]);
}

function tokenBreaches({ path, text }: SourceFile): string[] {
  if (path.startsWith('src/shared-memory/') || !/\bAtomics\b/.test(withoutComments(text))) return [];
  return [`${path} uses Atomics, which belong in src/shared-memory`];
}

function importBreaches({ path, text }: SourceFile): string[] {
  const room = roomOf(path);
  if (room === undefined) return [`${path} is in no room`];
  const allowed = ALLOWED[room];
  if (allowed === undefined) return [`${path} is in the room ${room}, which has no rule`];
  return importsOf(text).flatMap((specifier) => {
    if (specifier.startsWith('node:'))
      return PURE.has(room) ? [`${path} imports ${specifier}, but ${room} is pure`] : [];
    if (!specifier.startsWith('.')) return packageBreach(path, specifier);
    const target = normalize(join(dirname(path), specifier));
    const targetRoom = roomOf(target);
    if (targetRoom === undefined) return [`${path} imports ${target}, which is no source`];
    if (!allowed.includes(targetRoom))
      return [`${path} imports ${target}: ${room} may not know ${targetRoom}`];
    const isThread = room === 'main' || room === 'worker';
    const name = target.replace(/^src\//, '').replace(/\.ts$/, '');
    if (isThread && targetRoom === 'root' && !SHARED_ROOT.has(name)) {
      return [`${path} imports ${target}: of the root, ${room} may know ${[...SHARED_ROOT].join(', ')}`];
    }
    const owner = PRIVATE[target];
    if (owner !== undefined && owner !== path) return [`${path} imports ${target}, a part of ${owner}`];
    const narrow = NARROW.find(([prefix]) => path.startsWith(`src/${prefix}`));
    if (narrow !== undefined && !narrow[1].some((prefix) => target.startsWith(`src/${prefix}`))) {
      return [`${path} imports ${target}: ${narrow[0]} may not know it`];
    }
    return [];
  });
}

function packageBreach(path: string, specifier: string): string[] {
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '';
  const mayImport = PACKAGES[name];
  if (mayImport === undefined) return [`${path} imports ${specifier}, a package without a rule`];
  return mayImport(path) ? [] : [`${path} imports ${specifier}`];
}
