import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { packageRoot } from '../../base/package-files.ts';
import { EXIT } from '../../main/options.ts';
import { CliError } from '../terminal/failure.ts';

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where the build puts the page. */
const FOLDER = 'dist/page';

let names: Promise<ReadonlySet<string>> | undefined;

/** The names of the page's files. What is asked for is looked up among them, so that no request makes a path. */
function fileNames(): Promise<ReadonlySet<string>> {
  names ??= readdir(join(packageRoot(), FOLDER)).then((list) => new Set(list));
  return names;
}

/** @throws CliError where the page was not built, which only a checkout can lack */
export async function checkPageFiles(): Promise<void> {
  const isThere = await fileNames().then(
    (list) => list.has('index.html'),
    () => false,
  );
  if (isThere) return;
  throw new CliError(EXIT.usage, `the page is not built: ${FOLDER} is missing`, 'Build it: npm run build');
}

/** @returns undefined for a name that the page doesn't have */
export async function readPageFile(name: string): Promise<PageFile | undefined> {
  if (!(await fileNames()).has(name)) return undefined;
  const type = TYPES[extname(name)] ?? 'application/octet-stream';
  return { type, bytes: await readFile(join(packageRoot(), FOLDER, name)) };
}
