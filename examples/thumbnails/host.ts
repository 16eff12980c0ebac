/** Makes a thumbnail of each picture: host.ts WIDTH FOLDER PICTURE… */
import { readFile, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { spawnModule, withMethods } from 'ixt-sdk/host';
import { shapes } from './module.ts';

const [width = '320', folder = '.', ...pictures] = process.argv.slice(2);

await using module = spawnModule({ file: new URL('./module.ts', import.meta.url), workers: 2 });
const { thumbnail } = withMethods(module, shapes);

await Promise.all(
  pictures.map(async (picture) => {
    try {
      const small = await thumbnail(await readFile(picture), { metadata: { width } });
      await writeFile(join(folder, `${parse(picture).name}.png`), small);
      console.log(`${picture}: ${small.length} bytes`);
    } catch (error) {
      console.error(`no thumbnail of ${picture}: ${(error as Error).message}`);
    }
  }),
);
