import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { examplesOf } from '../../support/doc-examples.ts';

test('each example of a document is a file, code of other kinds is none', () => {
  const markdown = '```sh\nnpm ci\n```\n\n```ts\n// a.ts\nconst a = 1;\n```\n\n```js\n// b.js\nf();\n```\n';
  assert.deepEqual(examplesOf(markdown), [
    { name: 'a.ts', code: '// a.ts\nconst a = 1;\n' },
    { name: 'b.js', code: '// b.js\nf();\n' },
  ]);
  assert.throws(() => examplesOf('```ts\nconst a = 1;\n```\n'), /name of its file/);
  assert.throws(() => examplesOf(markdown + markdown), /two examples are called a\.ts/);
});

test('the README has examples, all of them named', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const marked = readme.match(/^```[jt]s$/gm)?.length ?? 0;
  assert.ok(marked >= 5, `${marked} examples`);
  assert.equal(examplesOf(readme).length, marked);
});
