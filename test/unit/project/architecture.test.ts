import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Files and folders of the project that a page names in code marks; `src/cli/NAME/command.ts` stands for many, and is left out. */
function pathsIn(page: string): string[] {
  const marked = [...page.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);
  const isPath = /^(?:src|test|benchmarks|docs|schema|workers|templates|examples|bin|\.ci)(?:\/[\w.-]+)*\/?$/;
  return marked.filter((text) => isPath.test(text) && !/[A-Z]{4}/.test(text));
}

/** Tests that a page names: a test file in code marks, a comma, the test's name in quotes. */
function testsIn(page: string): { readonly file: string; readonly name: string }[] {
  return [...page.matchAll(/`(test\/[\w./-]+\.test\.ts)`, "([^"]+)"/g)].map(([, file = '', name = '']) => ({
    file,
    name,
  }));
}

/** Whether `source` declares a test of that name; what a name takes from a variable may be anything. */
function declares(source: string, name: string): boolean {
  const names = [...source.matchAll(/\btest\(\s*(?:'([^'\n]+)'|`([^`\n]+)`)/g)];
  return names.some(([, plain, template = '']) => {
    if (plain !== undefined) return plain === name;
    const parts = template.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.+')}$`).test(name);
  });
}

test('each file that the pages for contributors name is there', () => {
  for (const page of ['docs/architecture.md', 'CONTRIBUTING.md']) {
    const paths = pathsIn(read(page));
    assert.ok(paths.length >= 10, `${page} names ${paths.length} files`);
    for (const path of paths) assert.ok(existsSync(join(root, path)), `${page} names ${path}`);
  }
});

test('each invariant says what is absent and which test goes red, and the test is there', () => {
  const page = read('docs/architecture.md');
  const [, invariants = ''] = /^## Invariants\n([^]*?)^## /m.exec(page) ?? [];
  const entries = invariants.split('\n').filter((line) => line.startsWith('**'));
  assert.ok(entries.length >= 8, `${entries.length} invariants`);
  for (const entry of entries) {
    assert.match(entry, /\bAbsent\b/, entry);
    const tests = testsIn(entry);
    assert.ok(tests.length > 0, `no test guards: ${entry}`);
    for (const { file, name } of tests) {
      assert.ok(existsSync(join(root, file)) && declares(read(file), name), `${file} has no test "${name}"`);
    }
  }
});

test('a path that is gone and a test that is not declared are seen', () => {
  assert.deepEqual(pathsIn('`src/wire` `src/cli/NAME/x.ts` `npm ci` `bin/ixt-module`'), [
    'src/wire',
    'bin/ixt-module',
  ]);
  assert.deepEqual(testsIn('Test: `test/a.test.ts`, "it works".'), [
    { file: 'test/a.test.ts', name: 'it works' },
  ]);
  const source =
    "test('one', () => {});\n  test(`with ${what}, over ${how}s`, () => {});\ntest(\n  'long', LIMIT);";
  for (const name of ['one', 'long', 'with a lock, over pipes']) assert.ok(declares(source, name), name);
  for (const name of ['on', 'with a lock', 'two']) assert.ok(!declares(source, name), name);
});
