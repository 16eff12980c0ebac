import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Figures } from '../../src/cli/bench/figures.ts';
import { CONFORMANCE, runCli, scratchFolder } from './cli-helpers.ts';

test('bench measures a handler with each worker count', async (t) => {
  const input = join(scratchFolder(t), 'in');
  writeFileSync(input, Buffer.alloc(1000));
  const args = ['bench', CONFORMANCE, 'sink', '--in', input, '--workers', '1,2', '--time', '300', '--json'];
  const { code, stdout, stderr } = await runCli(t, args);
  assert.deepEqual([code, stderr], [0, '']);
  const report = JSON.parse(stdout) as { method: string; inputBytes: number; figures: Figures[] };
  assert.deepEqual([report.method, report.inputBytes], ['sink', 1000]);
  assert.deepEqual(
    report.figures.map(({ workers, concurrency }) => [workers, concurrency]),
    [
      [1, 2],
      [2, 4],
    ],
  );
  for (const { calls, latencyP50, latencyP99, firstDataP50 } of report.figures) {
    assert.ok(calls > 0 && latencyP50 > 0 && latencyP99 >= latencyP50 && (firstDataP50 ?? 0) > 0);
  }
});

test('a call that fails ends the measurement with its error', async (t) => {
  const { code, stdout, stderr } = await runCli(t, ['bench', CONFORMANCE, 'fail', '--workers', '1']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(
    stderr,
    /^ixt-module: a call of fail failed: handlerFailed: boom\n {2}Try it: ixt-module call [^\n]*\n$/m,
  );
});
