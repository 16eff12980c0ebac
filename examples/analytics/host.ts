/** Sends rows as they come, here of a generator, and prints the report: host.ts [ROWS] */
import { spawnModule, withMethods } from 'ixt-sdk/host';
import { shapes, type Sale } from './module.ts';

/** Stands for the cursor of a database. It is read only as fast as the module takes rows. */
function* sales(count: number): Generator<Sale> {
  const countries = ['DE', 'DK', 'FR', 'PL', 'PT'] as const;
  for (let row = 0; row < count; row++) {
    const day = new Date(Date.UTC(2024, 0, 1 + (row % 366))).toISOString().slice(0, 10);
    yield { day, country: countries[row % 5] ?? '', cents: row % 1000 };
  }
}

await using module = spawnModule({ file: new URL('./module.ts', import.meta.url), workers: 1 });
const { report } = withMethods(module, shapes);

console.table(await report(sales(Number(process.argv[2] ?? 600_000)), { deadline: Date.now() + 60_000 }));
