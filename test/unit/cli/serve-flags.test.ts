import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { integer } from '../../../src/cli/terminal/arguments.ts';
import { nodeComplaint } from '../../../src/cli/node-version.ts';
import { parseServeArguments, SERVE_FLAGS } from '../../../src/cli/serve/flags.ts';
import { parseMetricsAddress } from '../../../src/cli/serve/metrics-address.ts';
import { DEFAULT_OPTIONS } from '../../../src/main/options.ts';

/** What commander makes of a command line of `serve`; undefined where it complains. */
function byCommander(args: readonly string[]): unknown {
  const command = new Command('serve')
    .argument('<file>')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  for (const { flag, option, min, max } of SERVE_FLAGS) {
    command.option(`${flag} <n>`, '', integer(min, max), DEFAULT_OPTIONS[option]);
  }
  command.option('--descriptors <in,out>');
  command.option('--metrics <[host:]port>', '', (text) => parseMetricsAddress(text));
  try {
    command.parse([...args], { from: 'user' });
  } catch {
    return undefined;
  }
  return { ...DEFAULT_OPTIONS, ...command.opts(), file: command.args[0] };
}

for (const args of [
  ['m.js'],
  ['m.js', '--workers', '4'],
  ['--workers', '4', 'm.js', '--descriptors', '3,4'],
  ['m.js', '--workers', '4', '--workers', '5', '--max-queue', '0'],
  ['m.js', '--metrics', '0.0.0.0:9464'],
  ['m.js', ...SERVE_FLAGS.flatMap(({ flag, max }) => [flag, String(max)])],
  ['m.js', ...SERVE_FLAGS.flatMap(({ flag, min }) => [flag, String(min)])],
]) {
  test(`the quick reader of serve reads '${args.join(' ').slice(0, 60)}' as commander does`, () => {
    const quick = parseServeArguments(args);
    assert.ok(quick !== undefined);
    assert.deepEqual(quick, byCommander(args));
  });
}

for (const args of [
  [],
  ['m.js', 'n.js'],
  ['m.js', '--workers'],
  ['m.js', '--workers', 'many'],
  ['m.js', '--workers', '0'],
  ['m.js', '--workers', '1025'],
  ['m.js', '--workers=4'],
  ['m.js', '--metrics', 'nine'],
  ['m.js', '--wrokers', '4'],
  ['m.js', '--help'],
  ['m.js', '--workers', '--help'],
  ['--', 'm.js'],
]) {
  test(`the quick reader of serve leaves '${args.join(' ')}' to commander`, () => {
    assert.equal(parseServeArguments(args), undefined);
  });
}

test('a Node that is too old is told which one is needed, and others nothing', () => {
  for (const version of ['20.0.0', '22.18.0', '100.1.0']) assert.equal(nodeComplaint(version), undefined);
  for (const version of ['19.9.0', '18.20.8', '8.0.0']) {
    assert.match(
      nodeComplaint(version) ?? '',
      new RegExp(`this Node is ${version}.*20 or newer\n.*nodejs\\.org`),
    );
  }
});
