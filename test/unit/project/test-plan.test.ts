import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { collectFiles, countTest, declaredTests, missingTests, plan } from '../../support/test-plan.ts';

function folder(t: TestContext, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'test-plan-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('declared tests are counted at line starts, nested ones too, and once in a loop', () => {
  const source = [
    "test('a', () => {",
    "  regexp.test('not one');",
    '});',
    'for (const x of all) {',
    '  test(`b ${x}`, () => {});',
    '}',
    "describe('c', () => {",
    "  it('d', () => {});",
    '});',
  ].join('\n');
  assert.equal(declaredTests(source), 3);
});

test('a layer without files and a filter without a match are errors, not empty runs', (t) => {
  const root = folder(t, { 'unit/a.test.ts': '', 'unit/deep/b.test.ts': '', 'unit/helper.ts': '' });
  assert.deepEqual(collectFiles(root, ['unit']), [
    join(root, 'unit/a.test.ts'),
    join(root, 'unit/deep/b.test.ts'),
  ]);
  assert.deepEqual(collectFiles(root, ['unit', 'deep']), [join(root, 'unit/deep/b.test.ts')]);
  assert.throws(() => collectFiles(root, ['unit', 'session']), /session has no test files/);
  assert.throws(() => collectFiles(root, ['unit', 'c.test']), /no test file matches 'c.test'/);
  assert.throws(() => collectFiles(root, []), /at least one layer/);
});

test('a file that ran fewer tests than it declares, or none, is told', (t) => {
  const root = folder(t, {
    'unit/a.test.ts': "test('a', f);\ntest('b', f);\n",
    'unit/b.test.ts': 'export {};\n',
  });
  const counts = plan(collectFiles(root, ['unit']));
  const file = join(root, 'unit/a.test.ts');
  const empty = join(root, 'unit/b.test.ts');
  assert.equal(countTest(counts, { name: 'a', file }), undefined);
  // What Node reports for a file without tests, and for a describe, is no test.
  assert.equal(countTest(counts, { name: empty, file: empty }), undefined);
  assert.equal(countTest(counts, { name: 'suite', file, kind: 'suite' }), undefined);
  assert.deepEqual(missingTests(counts.values()), [
    `${file} declares 2 tests or more and ran 1`,
    `${empty} declares 1 tests or more and ran 0`,
  ]);
  assert.equal(countTest(counts, { name: 'b', file }), undefined);
  assert.equal(missingTests(counts.values()).length, 1);
});

test('a skipped test and a todo are findings although they pass', () => {
  assert.match(countTest(new Map(), { name: 'x', skip: true }) ?? '', /skipped: x/);
  assert.match(countTest(new Map(), { name: 'x', skip: 'later' }) ?? '', /skipped: x/);
  assert.match(countTest(new Map(), { name: 'x', todo: true }) ?? '', /todo: x/);
  assert.equal(countTest(new Map(), { name: 'x', skip: false }), undefined);
});
