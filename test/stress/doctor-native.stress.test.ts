import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/cli/doctor/findings.ts';
import { runCli } from '../process/cli-helpers.ts';
import { sourceFixture } from '../process/helpers.ts';
import { buildAddon } from './support/print-addon.ts';

test('the doctor finds the call into an addon that prints, while loading and in a handler', async (t) => {
  const addon = buildAddon(t);
  const prints = sourceFixture('stress-prints.ts');
  const env = { IXT_PRINT: 'native', IXT_PRINT_ADDON: addon };
  const { code, stdout } = await runCli(t, ['doctor', prints, '--method', 'any', '--json'], { env });
  assert.equal(code, 0);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const native = findings.filter(({ text }) => text.startsWith('native: '));
  assert.deepEqual(
    native.map(({ text }) => /prints "(.*?)\\n"/.exec(text)?.[1]),
    ['stray native loading', 'stray native handling'],
  );
  for (const { stack } of native) assert.match(stack?.[0] ?? '', /print \(.*stress-prints\.ts:\d+:\d+\)$/);
});
