import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isTypeScript, typeScriptLoaderOf } from '../../../src/base/typescript-loader.ts';

/** Lets this Node say of itself how it treats TypeScript, as 22.18 and newer do by themselves. */
function stripTypes(t: TestContext): void {
  if ('typescript' in process.features) return;
  Object.defineProperty(process.features, 'typescript', { configurable: true, value: 'strip' });
  t.after(() => Reflect.deleteProperty(process.features, 'typescript'));
}

test('tsx beside the module comes before the Node that strips types itself', (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ixt-loader-')));
  t.after(() => rmSync(folder, { recursive: true }));
  const list = join(folder, 'node_modules/tsx/package.json');
  mkdirSync(join(folder, 'node_modules/tsx'), { recursive: true });
  writeFileSync(list, '{ "version": "9.8.7" }');
  stripTypes(t);
  const loader = typeScriptLoaderOf(join(folder, 'src/module.ts'));
  assert.deepEqual(loader, { kind: 'tsx', version: '9.8.7', list });
});

test('what JavaScript can not be is TypeScript by its name, JSX too', () => {
  for (const name of ['m.ts', 'm.mts', 'm.cts', 'm.tsx', 'm.jsx', 'm.d.ts'])
    assert.ok(isTypeScript(name), name);
  for (const name of ['m.js', 'm.mjs', 'm.cjs', 'ts', 'm.ts.js', 'm']) assert.ok(!isTypeScript(name), name);
});
