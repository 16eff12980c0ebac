import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { examplesOf, filesNotRun, listingsOf, scriptOf } from '../../support/doc-examples.ts';

const root = join(import.meta.dirname, '../../..');
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Runs the script of a page in an empty folder. @returns what is on standard output and error */
function follow(t: TestContext, markdown: string, nodeVersion = '20.0.0'): string {
  const folder = mkdtempSync(join(tmpdir(), 'ixt-page-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'page.sh'), `exec 2>&1\n${scriptOf(markdown, nodeVersion)}`);
  return execFileSync('bash', ['page.sh'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('each listing of code is a file, and code that nothing tries is an error', () => {
  const markdown = '```sh\nnpm ci\n```\n\n```ts\n// a.ts\nconst a = 1;\n```\n\n```js\n// b.js\nf();\n```\n';
  assert.deepEqual(examplesOf(markdown), [
    { name: 'a.ts', code: '// a.ts\nconst a = 1;\n' },
    { name: 'b.js', code: '// b.js\nf();\n' },
  ]);
  assert.throws(() => examplesOf('```ts\nconst a = 1;\n```\n'), /name of its file/);
  assert.throws(() => examplesOf(markdown, markdown), /two examples are called a\.ts/);
  assert.throws(() => listingsOf('one\n\n```rust\nfn main() {}\n```\n'), /line 3: 'rust'/);
  assert.throws(() => listingsOf('```\nnpm ci\n```\n'), /nothing tries/);
});

test('a file that no command names and no other file imports is found', () => {
  const file = (name: string, code = ''): string => `\`\`\`js\n// ${name}\n${code}\n\`\`\`\n`;
  const pages = [file('a.js', "import './b.js';"), file('b.js') + file('c.js') + '```sh\nnode a.js\n```\n'];
  assert.deepEqual(filesNotRun(...pages), ['c.js']);
});

test('a page’s script saves the files, runs the commands in one shell, and compares what they print', (t) => {
  const page =
    '```js\n// a.js\nconsole.log("it’s " + process.argv[2]);\n```\n' +
    '```sh\nmkdir sub && cd sub\n```\n```sh\nnode ../a.js here\n```\n```output\nit’s here\n```\n';
  follow(t, page);
  assert.throws(() => follow(t, page.replace('it’s here\n', 'it’s there\n')));
  assert.throws(() => follow(t, '```sh\nfalse\n```\n```sh\ntrue\n```\n'));
});

test('a listing for a newer Node is left out on an older one, and one for a checkout always', (t) => {
  const page = '```sh node-22.18\necho new\n```\n```sh checkout\necho checkout\n```\n';
  assert.equal(follow(t, page, '22.17.9'), '');
  for (const version of ['22.18.0', '24.1.0']) assert.match(follow(t, page, version), /^new$/m);
  assert.doesNotMatch(follow(t, page, '24.1.0'), /checkout/);
  assert.throws(() => scriptOf('```sh windows\ndir\n```\n', '20.0.0'), /no version of Node/);
});

test('everything that README and docs/ show is tried', () => {
  const texts = pages.map(read);
  assert.ok(examplesOf(...texts).length >= 15, `${examplesOf(...texts).length} examples`);
  assert.deepEqual(filesNotRun(...texts), []);
});

test('the gate runs what the pages show for a checkout', () => {
  const gate = read('.ci/run');
  const commands = pages
    .flatMap((page) => listingsOf(read(page)))
    .filter(({ use }) => use === 'checkout')
    .flatMap(({ code }) => code.trim().split(/\n| && /));
  assert.ok(commands.length > 0);
  // `npm cit` begins with `npm ci`.
  for (const command of commands.filter((command) => command !== 'npm ci')) {
    assert.ok(gate.includes(`\n${command} </dev/null`), `.ci/run does not run: ${command}`);
  }
});

test('each link of a page leads to a file that is there, and to a heading of it', () => {
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  for (const page of [...pages, 'CONTRIBUTING.md', 'benchmarks/README.md', 'schema/README.md']) {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    for (const link of links.filter((link) => !link.startsWith('http'))) {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : join(dirname(page), file);
      assert.ok(existsSync(join(root, target)), `${page} links to ${link}`);
      if (anchor === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading));
      assert.ok(headings.includes(anchor), `${page} links to ${link}`);
    }
  }
});

test('README is short enough to be read', () => {
  assert.ok(read('README.md').split('\n').length < 200);
});
