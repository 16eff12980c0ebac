import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ProgressReader, ProgressWriter } from '../../../src/shared-memory/progress-slot.ts';
import { LAST_VALUE, valueOf, type ProgressWriterMessage } from './progress-writer.ts';

/** Node 20 doesn't take tsx over to a thread by itself. */
const BOOTSTRAP = `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => register())
    .then(() => import(${JSON.stringify(new URL('./progress-writer.ts', import.meta.url).href)}));`;

test('the latest value is taken once, and each later one is told once until it is taken', () => {
  const writer = new ProgressWriter(8);
  const reader = new ProgressReader(writer.memory);
  assert.equal(reader.take(), undefined);
  assert.equal(writer.publish(Uint8Array.of(1)), true);
  assert.equal(writer.publish(Uint8Array.of(2, 2)), false);
  assert.equal(writer.publish(Uint8Array.of()), false);
  assert.equal(writer.publish(Uint8Array.of(3, 3, 3)), false);
  assert.deepEqual(reader.take(), Uint8Array.of(3, 3, 3));
  assert.equal(reader.take(), undefined);
  const full = new Uint8Array(8).fill(9);
  assert.equal(writer.publish(full), true);
  const taken = reader.take();
  assert.deepEqual(taken, full);
  for (const value of [4, 5, 6]) writer.publish(Uint8Array.of(value));
  assert.deepEqual(taken, full, 'what was taken is a copy');
  assert.deepEqual(reader.take(), Uint8Array.of(6));
});

test('no value that a busy thread writes is torn, or comes after a later one, and its last one is told', async () => {
  const worker = new Worker(BOOTSTRAP, { eval: true });
  const [{ memory }] = (await once(worker, 'message')) as [ProgressWriterMessage];
  assert.ok(memory);
  const reader = new ProgressReader(memory);
  let last = 0;
  let taken = 0;
  // As fast as it can, so that reads fall into writes; the thread's messages say when there is nothing more to come.
  const take = (): void => {
    for (let value = reader.take(); value !== undefined; value = reader.take()) {
      const number = new DataView(value.buffer).getUint32(0, true);
      assert.deepEqual(value, valueOf(number));
      assert.ok(number > last, `${number} after ${last}`);
      last = number;
      taken++;
    }
  };
  while (last < LAST_VALUE) {
    take();
    if (last < LAST_VALUE) await once(worker, 'message');
  }
  assert.ok(taken > 100, `${taken} values were taken`);
  await worker.terminate();
});
