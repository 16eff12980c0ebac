import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransportKind } from '../../src/host/index.ts';
import { startModule } from '../support/module.ts';
import { LIMIT, sourceFixture } from './helpers.ts';

/** Module files that can't be run, and what their author must read; each test uses its own kind of descriptor. */
const cases: readonly [what: string, file: string, message: RegExp, transport: TransportKind][] = [
  ['that is missing', 'broken/not-there.ts', /not-there\.ts does not exist/, 'pipe'],
  ['that is a folder', 'broken', /broken is not a file/, 'socket'],
  ['without a default export', 'broken/no-default-export.ts', /no default export/, 'socket'],
  ['with a syntax error', 'broken/syntax-error.js', /syntax-error\.js.*SyntaxError/, 'pipe'],
  ['that throws while it is loaded', 'broken/throws.ts', /throws\.ts.*thrown while loading/, 'socket'],
  ['that ends the process while it is loaded', 'broken/exits.ts', /exited with code 5/, 'pipe'],
  ['that imports what is missing', 'broken/missing-import.ts', /not-there\.ts/, 'socket'],
  ['with handlers that are none', 'broken/wrong-shape.ts', /onServerStream/, 'socket'],
  ['with one handler that is none', 'broken/wrong-handler.ts', /'echo'.*no function/, 'socket'],
  ['without a name', 'broken/nameless.ts', /no name/, 'socket'],
];

for (const [what, file, message, transport] of cases) {
  test(`a module file ${what} ends with 78, one clear line, and nothing on the wire`, LIMIT, async (t) => {
    const module = startModule(t, { file: sourceFixture(file), workers: 2, transport });
    const stream = module.openStream('echo');
    await assert.rejects(stream.closed, { code: 'unavailable' });
    const { code, stderr } = await module.exited;
    assert.equal(code, 78);
    assert.match(stderr, /^ixt-module: [^\n]+\n$/, 'one line');
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\/modules\/(esm|cjs)\//, 'no place inside Node');
    assert.ok(stderr.includes(sourceFixture(file)), 'it names the file');
    assert.equal(module.session.stats.bytesIn, 0);
  });
}
