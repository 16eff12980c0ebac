// Modules that only tsx can load, with tsx installed: each answers the same on every Node.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { spawnModule } from 'ixt-sdk/host';

/** @type {Record<string, string>} name: source text in which `answer` is made */
const MODULES = {
  'enum.ts': "enum Colour { green = 'yes' } const answer: string = Colour.green;",
  'suffix.ts': "import { answer } from './part.js';",
  'paths.ts': "import { answer } from '@app/part';",
  'property.ts': 'class P { constructor(readonly x: string) {} } const answer = new P("yes").x;',
  'view.tsx': '/** @jsx h */ const h = (tag: string) => tag; const answer = (<yes />) as unknown as string;',
  'view.jsx': '/** @jsx h */ const h = (tag) => tag; const answer = <yes />;',
  'decorated.ts':
    'const yes = (_t: unknown, _k: string, d: PropertyDescriptor) => ({ ...d, value: () => "yes" });' +
    'class A { @yes f() { return "no"; } } const answer = new A().f();',
  'common.cts': "enum Colour { green = 'yes' } const answer: string = Colour.green;",
  'esm.mts': "import { answer } from './part.js';",
};

for (const type of ['module', 'commonjs']) {
  const folder = new URL(`typescript-${type}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  const write = (name, text) => writeFileSync(new URL(name, folder), text);
  write('package.json', JSON.stringify({ type }));
  write('part.ts', "export const answer: string = 'yes';");
  const paths = { '@app/*': ['./*'] };
  const options = { module: 'NodeNext', strict: true, experimentalDecorators: true, baseUrl: '.', paths };
  write('tsconfig.json', JSON.stringify({ compilerOptions: options }));
  for (const [name, text] of Object.entries(MODULES)) {
    const handler = '*answer() { yield new TextEncoder().encode(answer); }';
    write(
      name,
      `import { defineModule } from 'ixt-sdk';\n${text}\n` +
        `export default defineModule({ name: 'm', version: '1.0.0', onServerStream: { ${handler} } });\n`,
    );
    const module = spawnModule({ file: new URL(name, folder), workers: 1 });
    const { value } = await module.openStream('answer').next();
    assert.equal(Buffer.from(value).toString(), 'yes', `${name}, type ${type}`);
    await module.close();
  }
}
