import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { breachesOf, importsOf, type SourceFile } from './import-rules.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

function sources(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({
      path: `${folder}/${name}`,
      text: readFileSync(join(ROOT, folder, name), 'utf8'),
    }));
}

test('no source file breaks the rules of who may import whom', () => {
  const files = [...sources('src'), ...sources('workers')];
  // A reader that finds no files, or no imports in them, would find no breach either.
  assert.ok(files.length > 60, `${files.length} files`);
  const imports = files.reduce((sum, { text }) => sum + importsOf(text).length, 0);
  assert.ok(imports > 200, `${imports} imports`);
  assert.deepEqual(breachesOf(files), []);
});

test('every way to import is seen, and comments are not', () => {
  const text = [
    "import a from './a.ts';",
    "import type { B } from './b.ts';",
    'import {',
    '  c,',
    "} from './c.ts';",
    "export { d } from './d.ts';",
    "export type * from './e.ts';",
    "import './f.ts';",
    "const g = await import('./g.ts');",
    "// import h from './h.ts';",
    "/* import i from './i.ts'; */",
    "const url = 'http://example.org/from';",
    "export const text = 'from';",
  ].join('\n');
  assert.deepEqual(
    importsOf(text),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `./${name}.ts`),
  );
});

const PLANTED: readonly (readonly [path: string, line: string])[] = [
  ['src/main/x.ts', "import { y } from '../worker/y.ts';"],
  ['src/worker/x.ts', "import type { Y } from '../main/y.ts';"],
  ['src/main/x.ts', "import { y } from '../host/y.ts';"],
  ['src/worker/x.ts', "import { y } from '../host/index.ts';"],
  ['src/handle/x.ts', "import { y } from '../shared-memory/y.ts';"],
  ['src/handle/x.ts', "import { y } from '../host/y.ts';"],
  ['src/wire/x.ts', "import { y } from '../handle/y.ts';"],
  ['src/wire/x.ts', "import { Buffer } from 'node:buffer';"],
  ['src/handle/x.ts', "export * from 'node:stream';"],
  ['src/errors.ts', "import { y } from './base/stderr.ts';"],
  ['src/host/x.ts', "import { y } from '../main/y.ts';"],
  ['src/shared-memory/x.ts', "import { y } from '../wire/y.ts';"],
  ['src/main/x.ts', "import { defineModule } from '../index.ts';"],
  ['src/main/x.ts', 'const n = Atomics.load(words, 0);'],
  ['src/handle/x.ts', 'const { load } = Atomics;'],
  ['src/main/workers/pool.ts', "import { Piscina } from 'piscina';"],
  ['src/wire/payload-encode.ts', "import { Message } from 'capnp-es';"],
  ['src/wire/payload-encode.ts', "import { x } from '../../schema/generated/ipc.ts';"],
  ['src/main/x.ts', "const { Message } = await import('capnp-es');"],
  ['src/main/x.ts', "import { Command } from 'commander';"],
  ['src/main/x.ts', "import left from 'left-pad';"],
  ['src/main/x.ts', "import { y } from '../../test/support/y.ts';"],
  ['workers/x.ts', "import { y } from '../src/main/y.ts';"],
];

for (const [path, line] of PLANTED) {
  test(`a breach is found: ${line} in ${path}`, () => {
    assert.equal(breachesOf([{ path, text: `${line}\n` }]).length, 1);
  });
}

test('what the rules allow is no breach', () => {
  const allowed: SourceFile[] = [
    {
      path: 'src/main/workers/thread-source.ts',
      text: "import { Piscina } from 'piscina';\nimport { x } from '../../threads/messages.ts';",
    },
    { path: 'src/shared-memory/x.ts', text: 'export const n = Atomics.load(words, 0);' },
    {
      path: 'src/handle/x.ts',
      text: "import { x } from '../wire/limits.ts';\nimport { e } from '../errors.ts';\n// Atomics elsewhere",
    },
    {
      path: 'src/cli/x.ts',
      text: "import { x } from '../host/index.ts';\nimport { readFile } from 'node:fs';",
    },
  ];
  assert.deepEqual(breachesOf(allowed), []);
});
