import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { built } from '../support/built.ts';

const KINDS = {
  memory: 'in memory',
  threads: 'on threads of its own',
  child: 'as a child',
} as const;

for (const [kind, where] of Object.entries(KINDS)) {
  test(
    `with a module ${where}, node --test waits for what was handed out and for nothing else`,
    { timeout: 60_000 },
    async (t) => {
      const child = spawn(process.execPath, ['--test', '--test-reporter=tap', built.fixture('unclosed')], {
        // Else the inner runner would take itself for one of this runner's files.
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, KIND: kind },
        // A group of its own, because the inner runner has a child for the file.
        detached: true,
      });
      const ended = once(child, 'close');
      t.after(() => {
        if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      await ended;
      const counts = Object.fromEntries(
        [...stdout.matchAll(/^# (pass|fail|cancelled) (\d+)$/gm)].map(
          ([, what = '', count]) => [what, count] as const,
        ),
      );
      assert.deepEqual(counts, { pass: '1', fail: '1', cancelled: '0' }, stdout + stderr);
      assert.match(stdout, /the failure/);
      assert.equal(child.exitCode, 1);
    },
  );
}
