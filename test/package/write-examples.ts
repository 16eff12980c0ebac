import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { examplesOf, scriptOf } from '../support/doc-examples.ts';

/**
 * Writes what the documentation shows into a folder: every file of it for the compiler, and for each page a script `PAGE.sh` that
 * does what its reader does. README comes first, since the other pages go on where it ends.
 *
 * Usage: write-examples.ts FOLDER NODE_VERSION
 */
const root = join(import.meta.dirname, '../..');
const [folder, nodeVersion] = process.argv.slice(2);
if (folder === undefined || nodeVersion === undefined) {
  throw new Error('usage: write-examples.ts FOLDER NODE_VERSION');
}
mkdirSync(folder, { recursive: true });

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .sort()
    .filter(isPage)
    .map((name) => `docs/${name}`),
];
const texts = pages.map((page) => readFileSync(join(root, page), 'utf8'));
for (const { name, code } of examplesOf(...texts)) writeFileSync(join(folder, name), code);
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
for (const [at, text] of texts.entries()) {
  const name = basename(pages[at] ?? '', '.md');
  const order = String(at).padStart(2, '0');
  writeFileSync(join(folder, `${order}-${name}.sh`), scriptOf(text, nodeVersion));
}

function isPage(name: string): boolean {
  return name.endsWith('.md');
}
