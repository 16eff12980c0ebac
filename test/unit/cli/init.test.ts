import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { dependencySpec } from '../../../src/cli/init/dependency.ts';
import { commandsOf, packageManagerOf } from '../../../src/cli/init/package-manager.ts';

/** A folder that goes with the test, with these files in it. */
function folderWith(t: TestContext, files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-init-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const asksFor = (spec: string): object => ({ dependencies: { 'ixt-sdk': spec } });

/** What a new module in `project/new` asks for, where this package is installed in `project`. */
function specIn(project: string): string {
  const places = { target: join(project, 'new'), root: join(project, 'node_modules/ixt-sdk'), cwd: project };
  return dependencySpec(places);
}

for (const [asked, wanted] of [
  ['^1.2.3', '^1.2.3'],
  ['npm:@scope/fork@1', 'npm:@scope/fork@1'],
  ['https://example.org/ixt-sdk.tgz', 'https://example.org/ixt-sdk.tgz'],
  // Relative to the new folder, which is one deeper.
  ['file:ixt-sdk-0.1.0.tgz', 'file:../ixt-sdk-0.1.0.tgz'],
  ['file:../sdk', 'file:../../sdk'],
  ['link:../sdk', 'file:../../sdk'],
  ['portal:../sdk', 'file:../../sdk'],
  ['../sdk', 'file:../../sdk'],
] as const) {
  test(`a module that is made where ${asked} was installed asks for ${wanted}`, (t) => {
    assert.equal(specIn(folderWith(t, { 'package.json': asksFor(asked) })), wanted);
  });
}

for (const asked of ['workspace:*', 'catalog:', 'patch:ixt-sdk@npm%3A1#fix.patch']) {
  test(`what only a project itself understands, ${asked}, is not written into a new one`, (t) => {
    assert.equal(specIn(folderWith(t, { 'package.json': asksFor(asked) })), 'file:../node_modules/ixt-sdk');
  });
}

test('a package.json that can’t be read, or says something else, is passed over', (t) => {
  for (const list of ['{', 'null', '[]', '{"dependencies": null}', '{"dependencies": {"ixt-sdk": 5}}']) {
    const above = folderWith(t, { 'package.json': asksFor('^1.0.0'), 'inner/package.json': list });
    assert.equal(specIn(join(above, 'inner')), '^1.0.0', list);
  }
});

test('what was installed for another package is asked for as npm found it', (t) => {
  const locked = (entry: object): string =>
    specIn(
      folderWith(t, {
        'node_modules/.package-lock.json': { packages: { 'node_modules/ixt-sdk': entry } },
      }),
    );
  assert.equal(locked({ version: '1.2.3' }), '^1.2.3');
  assert.equal(locked({ version: '1.2.3', resolved: 'file:tgz/ixt-sdk.tgz' }), 'file:../tgz/ixt-sdk.tgz');
  assert.equal(locked({}), 'file:../node_modules/ixt-sdk');
});

test('the manager that started the command comes before the one that the project has', (t) => {
  const project = folderWith(t, { 'yarn.lock': '', 'inner/x': '' });
  const inner = join(project, 'inner');
  assert.equal(packageManagerOf('pnpm/9.1.0 npm/? node/v22.1.0 linux x64', inner), 'pnpm');
  assert.equal(packageManagerOf('bun/1.2.0 npm/? node/v24.3.0 linux x64', inner), 'bun');
  for (const agent of [undefined, '', 'deno/2.0', 'constructor/1', 'toString'])
    assert.equal(packageManagerOf(agent, inner), 'yarn');
});

test('the lock file nearest to the folder names the manager', (t) => {
  for (const [lock, manager] of [
    ['pnpm-lock.yaml', 'pnpm'],
    ['yarn.lock', 'yarn'],
    ['bun.lock', 'bun'],
    ['bun.lockb', 'bun'],
    ['package-lock.json', 'npm'],
  ] as const) {
    const project = folderWith(t, { 'package-lock.json': '{}', [`inner/${lock}`]: '', 'inner/deep/x': '' });
    assert.equal(packageManagerOf(undefined, join(project, 'inner/deep')), manager);
  }
  assert.equal(packageManagerOf(undefined, folderWith(t, { x: '' })), 'npm');
});

test('each manager’s commands run the script of the package and its command', () => {
  assert.deepEqual(commandsOf('npm'), { install: 'npm install', test: 'npm test', run: 'npx ixt-module' });
  // `bun test` is a runner of its own.
  assert.equal(commandsOf('bun').test, 'bun run test');
  assert.deepEqual(
    [commandsOf('pnpm'), commandsOf('yarn')].map(({ run }) => run),
    ['pnpm exec ixt-module', 'yarn ixt-module'],
  );
});
