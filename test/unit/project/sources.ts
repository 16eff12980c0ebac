import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from './import-rules.ts';

/** The folder of the project. */
export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url));

/** The folders whose rooms have an order. */
export const FOLDERS = [
  'src',
  'src/wire',
  'src/handle',
  'src/main',
  'src/worker',
  'src/host',
  'src/cli',
  'page',
];

/** All TypeScript below a folder of the project. */
export function readSources(folder: string, root: string = ROOT): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => ({
      path: `${folder}/${name}`,
      text: readFileSync(join(root, folder, name), 'utf8'),
    }));
}
