import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HostSession } from '../../src/host/index.ts';
import { FakeModule } from './fake-module.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** One turn of the event loop, behind which what a WeakRef was made of may go. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const CHUNK_BYTES = 8_192;

test('a reader that is always one chunk behind keeps nothing that it has read', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('source');
  module.data(stream.id, new Uint8Array(CHUNK_BYTES));
  const taken: WeakRef<Uint8Array>[] = [];
  for (let i = 0; i < 20; i++) {
    module.data(stream.id, new Uint8Array(CHUNK_BYTES));
    const { value } = await stream.next();
    assert.ok(value);
    taken.push(new WeakRef(value));
  }
  await turn();
  collectGarbage();
  const kept = taken.filter((chunk) => chunk.deref() !== undefined).length;
  // The loop's own variable may hold the last one.
  assert.ok(kept <= 1, `${kept} of ${taken.length} chunks are still in memory`);
});
