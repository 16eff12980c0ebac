import assert from 'node:assert/strict';
import { test } from 'node:test';
import { built } from '../support/built.ts';
import { runCli } from './cli-helpers.ts';

const SOUND = [...built.serve('conformance'), '--workers', '2'];
const faulty = (fault: string): string[] => [
  process.execPath,
  built.fixture('faulty-relay'),
  fault,
  ...SOUND,
];

test('a module that keeps the contract passes, and the command ends with 0', async (t) => {
  const args = ['conform', '--only', 'handler', '--', ...SOUND];
  const { code, stdout } = await runCli(t, args);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^ok {8}a handler sees the end of its input and goes on sending\n/);
  assert.match(stdout, /\n\n\d\d cases: \d\d ok, 0 broken, \d left out\n$/);
});

test('a case that is broken says the rule, what was expected and seen, and the frames', async (t) => {
  const args = ['conform', '--only', 'fails ends its stream', '--', ...faulty('doubled terminal frame')];
  const { code, stdout } = await runCli(t, args);
  assert.equal(code, 1);
  const report = stdout.replace(/\n {10,20}(?=\S)/g, ' ');
  assert.match(report, /^broken {4}a handler that fails ends its stream with handlerFailed and its message/);
  assert.match(report, /rule {6}schema\/README\.md, section 4, What the module owes/);
  assert.match(
    report,
    /expected {2}nothing on stream [0-9a-f]{32} behind its terminal frame \(error handlerFailed boom\)/,
  );
  assert.match(report, /seen {6}error handlerFailed boom/);
  assert.match(report, /host → module {2}stream 1 {3}open [0-9a-f]{32} fail, credit 262,144/);
  assert.match(stdout, /\n\n1 case: 0 ok, 1 broken, 0 left out\n$/);
});

test('the first broken case ends a run with --bail, and --json has the same for programs', async (t) => {
  const args = ['conform', '--bail', '--json', '--', ...faulty('prints on the wire')];
  const { code, stdout } = await runCli(t, args);
  assert.equal(code, 1);
  const { cases } = JSON.parse(stdout) as { cases: { outcome: string; expected: string }[] };
  assert.deepEqual(
    cases.map(({ outcome }) => outcome),
    ['broken'],
  );
  assert.match(cases[0]?.expected ?? '', /nothing else on standard output/);
});

test('a case has its time, and then its child is killed', async (t) => {
  const args = ['conform', '--only', 'the end of stdin ends', '--timeout', '1500', '--json', '--'];
  const { code, stdout } = await runCli(t, [...args, ...faulty('the end of stdin ignored')]);
  assert.equal(code, 1);
  const { cases } = JSON.parse(stdout) as { cases: { expected: string; seen: string }[] };
  assert.equal(cases[0]?.seen, 'nothing of it within 1500 ms');
});

test('cases that need a method which the module lacks are left out', async (t) => {
  const args = ['conform', '--methods', 'sink', '--only', 'a handler that fails', '--', ...SOUND];
  const { code, stdout } = await runCli(t, args);
  assert.equal(code, 0);
  assert.match(stdout, /^left out {2}a handler that fails .*\n.*\n {10}it needs fail\n/);
});

test('what can not be asked is a wrong command line, and a command that can not be started is a breach', async (t) => {
  const unknown = await runCli(t, ['conform', '--methods', 'nope', '--', 'true']);
  assert.equal(unknown.code, 64);
  assert.match(unknown.stderr, /no conformance method 'nope'/);
  const none = await runCli(t, ['conform', '--only', 'no such case', '--', 'true']);
  assert.equal(none.code, 64);
  assert.match(none.stderr, /no case says 'no such case'/);
  const missing = await runCli(t, ['conform', '--bail', '--', '/no/such/program']);
  assert.equal(missing.code, 1);
  assert.match(missing.stdout, /it can't be started: spawn \/no\/such\/program ENOENT/);
});
