/** The raw peer's child: what comes in goes out. Its argument says how many threads compute beside it. */
import { Worker } from 'node:worker_threads';

const burning = Number(process.argv[2] ?? 0);
for (let thread = 0; thread < burning; thread++) new Worker('for (;;);', { eval: true });
process.stdin.pipe(process.stdout);
