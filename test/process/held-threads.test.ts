import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { createInterface } from 'node:readline';
import { describe, test, type TestContext } from 'node:test';
import { built } from '../support/built.ts';
import { LIMIT } from './helpers.ts';

function run(t: TestContext, how: string) {
  const child = spawn(process.execPath, [built.fixture('held-thread')], {
    env: { ...process.env, HOW: how },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

// Each blocks for seconds and computes nothing.
void describe('a synchronous handler on the test’s own thread', { concurrency: true }, () => {
  for (const [how, method] of [
    ['cancels', 'blocks'],
    ['leaves', 'yields'],
    ['requests', 'blocks'],
  ] as const) {
    void test(`is told of while it holds the thread, whose test ${how}`, LIMIT, async (t) => {
      const lines = createInterface(run(t, how).stderr)[Symbol.asyncIterator]();
      const line = String((await lines.next()).value);
      assert.match(line, new RegExp(`^ixt-sdk/testing: .*'${method}'.* 5 s .*\`file\``));
    });
  }

  void test(
    'is not told of once it has returned, and nothing of the kit’s holds the process',
    LIMIT,
    async (t) => {
      const child = run(t, 'computes');
      assert.equal(await text(child.stderr), '');
      assert.equal(child.exitCode ?? 0, 0);
    },
  );
});
