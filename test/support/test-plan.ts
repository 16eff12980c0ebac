import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of test/ that hold tests, each with its own cost: see the scripts of package.json. */
export const LAYERS = ['unit', 'session', 'process', 'interop', 'nats', 'page', 'fuzz', 'stress'] as const;

/** What one file has to run at the least, and what it ran. */
export interface FileCount {
  readonly file: string;
  /** `test(` and `it(` calls in its text; one in a loop counts once, so this is a lower bound. */
  readonly declared: number;
  ran: number;
}

/** How often `source` calls `test` or `it` at the beginning of a line: the least number of tests that it runs. */
export function declaredTests(source: string): number {
  return [...source.matchAll(/^[ ]*(?:void |await )?(?:test|it)\(/gm)].length;
}

/**
 * The test files that `args` name: layers, then parts of file names of which one must match.
 *
 * @throws Error for a layer without files, a filter that nothing matches, or no layer at all
 */
export function collectFiles(testRoot: string, args: readonly string[]): string[] {
  const isLayer = (arg: string): boolean => (LAYERS as readonly string[]).includes(arg);
  const layers = args.filter(isLayer);
  const filters = args.filter((arg) => !isLayer(arg));
  if (layers.length === 0) throw new Error(`name at least one layer of ${LAYERS.join(', ')}`);
  const files = layers.flatMap((layer) => {
    const found = testFilesUnder(join(testRoot, layer));
    if (found.length === 0) throw new Error(`the layer ${layer} has no test files`);
    return found;
  });
  for (const filter of filters) {
    if (!files.some((file) => file.includes(filter))) throw new Error(`no test file matches '${filter}'`);
  }
  return filters.length === 0
    ? files
    : files.filter((file) => filters.some((filter) => file.includes(filter)));
}

function testFilesUnder(folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  return entries
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(folder, name));
}

/** Reads each file once and counts what it declares. */
export function plan(files: readonly string[]): Map<string, FileCount> {
  return new Map(
    files.map((file) => [file, { file, declared: declaredTests(readFileSync(file, 'utf8')), ran: 0 }]),
  );
}

/** What of `test:pass` and `test:fail` counts. */
export interface TestEvent {
  readonly name: string;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  /** `suite` for a describe. */
  readonly kind?: string | undefined;
}

/** Counts one finished test. @returns what is wrong with it although it may have passed; `undefined`: nothing */
export function countTest(counts: ReadonlyMap<string, FileCount>, event: TestEvent): string | undefined {
  // Node reports a file that ran no test at all as one passed test with the file's name.
  if (event.name === event.file || event.kind === 'suite') return undefined;
  const count = counts.get(event.file ?? '');
  if (count !== undefined) count.ran++;
  if (event.skip !== undefined && event.skip !== false)
    return `skipped: ${event.name} (${event.file ?? '?'})`;
  if (event.todo !== undefined && event.todo !== false) return `todo: ${event.name} (${event.file ?? '?'})`;
  return undefined;
}

/** Files that ran fewer tests than they declare, or none. */
export function missingTests(counts: Iterable<FileCount>): string[] {
  return [...counts]
    .filter(({ declared, ran }) => ran < Math.max(1, declared))
    .map(
      ({ file, declared, ran }) => `${file} declares ${Math.max(1, declared)} tests or more and ran ${ran}`,
    );
}
