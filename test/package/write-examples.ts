import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { examplesOf } from '../support/doc-examples.ts';

/** Writes every example of the documentation into a folder, each as the file that its first line names. */
const DOCUMENTS = ['README.md'];

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: write-examples.ts FOLDER');
mkdirSync(folder, { recursive: true });
for (const document of DOCUMENTS) {
  const text = readFileSync(fileURLToPath(new URL(`../../${document}`, import.meta.url)), 'utf8');
  for (const { name, code } of examplesOf(text)) writeFileSync(join(folder, name), code);
}
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
