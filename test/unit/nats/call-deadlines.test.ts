import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallDeadlines, contextForNode } from '../../../src/nats/call-deadlines.ts';
import { parseNodeId } from '../../../src/nats/subjects.ts';

const node = parseNodeId('0123456789abcdef0123456789abcdef');
assert.ok(node !== undefined);
const HOUR = 3_600_000;
/** Without the end at the deadline nothing would end the test. */
const LIMIT = { timeout: 10_000 } as const;

test('a node whose clock is behind gets an earlier deadline, in the time of that clock', () => {
  const deadlineUnixMs = Date.now() + HOUR;
  const grant = { node, place: 'place', now: Date.now() - 2 * HOUR, window: 0 };
  const { deadlineUnixMs: sent = 0 } = contextForNode({ deadlineUnixMs }, grant, 2);
  assert.ok(Math.abs(sent - (deadlineUnixMs - 2 * HOUR)) < 1_000, `${sent - deadlineUnixMs} ms`);
});

test(
  'a request that no node answers ends graceMs after its deadline by the client’s clock',
  LIMIT,
  async () => {
    // The timers of deadlines hold no process; the connection to NATS does, which is not here.
    const hold = setInterval(() => undefined, HOUR);
    const never = new Promise<string>(() => undefined);
    await assert.rejects(new CallDeadlines(60_000, 5).limit({ deadlineUnixMs: Date.now() }, never), {
      code: 'deadlineExceeded',
      message: 'The node has not answered within 5 ms after the deadline.',
    });
    clearInterval(hold);
    const context = { deadlineUnixMs: Date.now() + HOUR };
    assert.equal(await new CallDeadlines(60_000, 5).limit(context, Promise.resolve('answer')), 'answer');
  },
);

test('a clock that differs by less than the answer took changes no deadline', () => {
  const context = { deadlineUnixMs: Date.now() + 1_000 };
  assert.equal(
    contextForNode(context, { node, place: '', now: Date.now() + 20, window: 0 }, 50_000),
    context,
  );
  const without = { method: 'echo' };
  assert.equal(contextForNode(without, { node, place: '', now: 0, window: 0 }, 1), without);
});
