import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeShutdown } from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../../src/wire/envelope.ts';
import { MainHarness } from '../support/main-harness.ts';

function health(requestId: string): Uint8Array {
  return encodeEnvelope('health', requestId, EMPTY_PAYLOAD);
}

function shutdown(requestId: string): Uint8Array {
  return encodeEnvelope('shutdown', requestId, encodeShutdown({ drainMs: 100 }));
}

/** What was written since the last call, each as `type requestId`. */
async function written(harness: MainHarness): Promise<string[]> {
  return (await harness.take()).map(({ type, requestId }) => `${type} ${requestId}`);
}

test('the answers to shutdowns are the last messages, whatever the host writes then', async () => {
  const harness = new MainHarness();
  harness.isReading = false;
  harness.host(health('before'));
  assert.deepEqual(await written(harness), ['response before']);
  // One in the air while the end begins, so that it waits for the host.
  harness.host(shutdown('first'), shutdown('second'));
  harness.host(health('meanwhile'));
  harness.host(shutdown('third'));
  assert.deepEqual(await written(harness), []);
  harness.hostReads();
  assert.deepEqual(await written(harness), ['response meanwhile']);
  harness.hostReads();
  assert.deepEqual(await written(harness), ['response first', 'response second', 'response third']);
  // The host sees them before main learns that they are out.
  harness.host(health('late'), shutdown('late too'));
  assert.deepEqual(await written(harness), []);
  harness.hostReads();
  assert.deepEqual(await written(harness), []);
  harness.host(health('later still'));
  assert.deepEqual([await written(harness), harness.exits], [[], [0]]);
});
