import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Finding } from '../../src/cli/doctor/findings.ts';
import { runCli } from './cli-helpers.ts';
import { sourceFixture } from './helpers.ts';

const PRINTS = sourceFixture('stress-prints.ts');

/** Where in the fixture each way prints: the place that the doctor must find. */
const WAYS: readonly [how: string, way: string, code: string][] = [
  ['console', 'console', 'console.log('],
  ['stdout', 'process.stdout', 'process.stdout.write('],
  ['fd', 'fs.writeSync', 'writeSync(1'],
  ['async-fd', 'fs.write', 'promisify(write)(1'],
  ['dev-stdout', '/dev/stdout', "openSync('/dev/stdout'"],
  ['child', 'child process', 'spawnSync('],
];

test('whoever prints is found, while loading and in a handler, with file and line', async (t) => {
  const env = { IXT_PRINT: WAYS.map(([how]) => how).join() };
  const { stdout } = await runCli(t, ['doctor', PRINTS, '--method', 'any', '--json'], { env });
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const lines = readFileSync(PRINTS, 'utf8').split('\n');
  for (const [, way, code] of WAYS) {
    const line = lines.findIndex((text) => text.includes(code) && !text.includes('import')) + 1;
    const found = findings.filter(
      ({ check, text, stack }) =>
        check === 'prints' && text.startsWith(`${way}: `) && stack?.[0]?.includes(`${PRINTS}:${line}:`),
    );
    assert.equal(found.length, 2, `${way} at line ${line}: ${JSON.stringify(findings, undefined, 1)}`);
    for (const { mend } of found) assert.ok(mend);
  }
  // The loading is one level up, the handler's call another.
  const call = findings.find(({ check }) => check === 'call');
  assert.match(call?.text ?? '', /answers with 1 frame/);
});

/** The findings, each on a line of its own however long it is: they are wrapped at 80 columns. */
function unwrapped(report: string): string {
  return report.replace(/\n {9}/g, ' ');
}

test('a sound module has no problem and no warning', async (t) => {
  const { code, stdout: report } = await runCli(t, ['doctor', sourceFixture('conformance.ts')]);
  const stdout = unwrapped(report);
  assert.equal(code, 0);
  assert.match(stdout, /^ok +Node v/);
  assert.match(stdout, /\nok +the launcher moves the protocol/);
  assert.match(stdout, /\nok +(tsx \S+|this Node) loads TypeScript/);
  assert.match(
    stdout,
    /\nok +conformance 1\.0\.0 is ready [\d,]+ ms after its start: handle, kvChange, serverStream/,
  );
  assert.match(stdout, /\nok +it ends with exit code 0/);
  assert.match(stdout, /\n\nproblems: 0, warnings: 0\n$/);
});

test('a module that does not load is a problem, with what the loader says, and the doctor ends with 1', async (t) => {
  const { code, stdout } = await runCli(t, ['doctor', sourceFixture('broken/no-default-export.ts')]);
  assert.equal(code, 1);
  assert.match(unwrapped(stdout), /\nproblem +[^\n]*has no default export; it needs/);
});
