import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrowsOf, circlesOf, figuresOf } from './house.ts';
import { breachesOf, importsOf, type SourceFile } from './import-rules.ts';
import { FOLDERS, readSources } from './sources.ts';

test('no source file breaks the rules of who may import whom', () => {
  const files = [...readSources('src'), ...readSources('workers'), ...readSources('page')];
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
  ['src/nats/x.ts', "import { y } from '../main/y.ts';"],
  ['src/host/x.ts', "import { y } from '../nats/y.ts';"],
  ['src/host/x.ts', "import { connect } from '@nats-io/transport-node';"],
  ['src/nats/x.ts', "import { connect } from '@nats-io/nats-core';"],
  ['src/main/x.ts', "import { y } from '../../test/support/y.ts';"],
  ['src/wire/capnp/x.ts', "import { y } from '../y.ts';"],
  ['src/wire/capnp/x.ts', "import { y } from '../../errors.ts';"],
  ['src/wire/x.ts', "import { y } from './data-fast-path.ts';"],
  ['src/main/input/demux.ts', "import { y } from '../../wire/data-fast-path.ts';"],
  ['src/main/output/x.ts', "import { y } from '../workers/y.ts';"],
  ['src/main/workers/x.ts', "import { y } from '../calls/y.ts';"],
  ['src/main/calls/x.ts', "import type { Y } from '../streams/y.ts';"],
  ['src/main/streams/x.ts', "import { y } from '../process/y.ts';"],
  ['src/main/process/x.ts', "import { y } from '../input/y.ts';"],
  ['src/main/streams/x.ts', "import { y } from '../main.ts';"],
  ['src/main/options.ts', "import { y } from './streams/y.ts';"],
  ['page/x.ts', "import { y } from '../src/cli/dev/y.ts';"],
  ['page/x.tsx', "import { y } from 'node:fs';"],
  ['src/cli/dev/x.ts', "import { y } from '../../../page/y.ts';"],
  ['src/cli/dev/x.ts', "import { useState } from 'react';"],
  ['src/live/x.ts', "import { y } from '../main/y.ts';"],
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
      path: 'src/main/workers/thread-links.ts',
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

test('no source files import each other in a circle, and in no folder do its rooms', () => {
  const files = [...readSources('src'), ...readSources('page')];
  assert.deepEqual(circlesOf(arrowsOf(files)), []);
  for (const folder of FOLDERS) {
    const figures = figuresOf(files, folder);
    assert.ok(
      figures.rooms > 3 && figures.arrows > 2,
      `${folder}: a reader that finds no rooms finds no circle`,
    );
    assert.equal(figures.arrowsInCircles, 0, `${folder} has rooms that import each other`);
  }
});

test('a circle is found: of files, by types alone, over three files, and of folders whose files have none', () => {
  const files: SourceFile[] = [
    { path: 'src/a/one.ts', text: "import type { X } from '../b/two.ts';" },
    { path: 'src/b/two.ts', text: "export { y } from '../c/three.ts';" },
    { path: 'src/c/three.ts', text: "const late = await import('../a/one.ts');" },
    { path: 'src/c/beside.ts', text: "import './three.ts';" },
  ];
  assert.deepEqual(circlesOf(arrowsOf(files)), [['src/a/one.ts', 'src/b/two.ts', 'src/c/three.ts']]);
  const folders: SourceFile[] = [
    { path: 'src/a/one.ts', text: "import '../b/one.ts';" },
    { path: 'src/b/one.ts', text: '' },
    { path: 'src/b/two.ts', text: "import '../a/two.ts';" },
    { path: 'src/a/two.ts', text: '' },
  ];
  assert.deepEqual(circlesOf(arrowsOf(folders)), []);
  assert.equal(figuresOf(folders, 'src').arrowsInCircles, 2);
});
