/** Prints the shape of the source: `node --import tsx test/unit/project/print-house.ts [project]`. */
import { argv } from 'node:process';
import { arrowsOf, circlesOf, figuresOf } from './house.ts';
import { FOLDERS, readSources, ROOT } from './sources.ts';

const files = readSources('src', argv[2] ?? ROOT);
console.table(FOLDERS.map((folder) => figuresOf(files, folder)));
const circles = circlesOf(arrowsOf(files));
console.log(`circles of files: ${circles.length}`);
for (const circle of circles) console.log(`  ${circle.join(' ↔ ')}`);
