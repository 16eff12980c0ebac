import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OP, type OpKind } from '../../../src/threads/messages.ts';
import { isLater, jobIdAfter } from '../../../src/threads/job-id.ts';
import { batchInPlace, OpBatch, OpReader, readOps } from '../../../src/threads/op-batch.ts';

interface Op {
  readonly kind: OpKind;
  readonly job: number;
  readonly payload: Uint8Array;
}

function read(batch: ArrayBuffer): Op[] {
  const ops: Op[] = [];
  readOps(batch, (kind, job, payload) => ops.push({ kind: kind as OpKind, job, payload }));
  return ops;
}

const op = fc
  .tuple(
    fc.constantFrom(...Object.values(OP)),
    fc.integer({ min: 0, max: 0x7fff_ffff }),
    // 64 bytes is where copying changes its way.
    fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 60, maxLength: 5000 })),
  )
  .map(([kind, job, payload]): Op => ({ kind, job, payload }));

test('every kind of operation has a number of its own', () => {
  assert.equal(new Set(Object.values(OP)).size, Object.keys(OP).length);
});

test('any batches come out as they went in, whatever surrounds a payload in its buffer', () => {
  fc.assert(
    fc.property(fc.array(fc.array(op, { maxLength: 12 }), { maxLength: 4 }), (batches) => {
      const collector = new OpBatch();
      for (const ops of batches) {
        assert.equal(collector.isEmpty, true);
        for (const { kind, job, payload } of ops) {
          // The payload lies in a read buffer.
          const around = new Uint8Array(payload.length + 20).fill(0xee);
          around.set(payload, 7);
          collector.add(kind, job, around, 7, 7 + payload.length);
          around.fill(0xdd);
        }
        assert.deepEqual(read(collector.take()), ops);
      }
    }),
    { numRuns: 300 },
  );
});

test('an empty batch has nothing in it', () => {
  assert.deepEqual(read(new OpBatch().take()), []);
});

test('a batch grows to what it holds, also beyond 4 MiB, and forgets a burst’s buffer', () => {
  const collector = new OpBatch();
  const payload = Uint8Array.from({ length: 1_048_576 }, (_, i) => i & 255);
  for (let i = 0; i < 6; i++) collector.add(OP.data, i, payload, 0, payload.length);
  const ops = read(collector.take());
  assert.deepEqual(
    ops.map(({ job }) => job),
    [0, 1, 2, 3, 4, 5],
  );
  assert.ok(ops.every((seen) => Buffer.from(seen.payload).equals(payload)));
  collector.add(OP.end, 9, payload, 0, 0);
  const next = collector.take();
  assert.deepEqual(read(next), [{ kind: OP.end, job: 9, payload: new Uint8Array(0) }]);
  assert.equal(next.byteLength, 16);
});

test('a chunk that shares its batch keeps only its own bytes alive; one that is alone is not copied', () => {
  const collector = new OpBatch();
  const payload = new Uint8Array(100).fill(1);
  collector.add(OP.data, 1, payload, 0, 100);
  const alone = collector.take();
  const [only] = read(alone);
  assert.equal(only?.payload.buffer, alone);
  const sizes = [100, 50, 4096, 4097, 70_000];
  for (const size of sizes) collector.add(OP.data, 1, new Uint8Array(size), 0, size);
  const shared = read(collector.take());
  assert.deepEqual(
    shared.map(({ payload: { buffer } }) => buffer.byteLength),
    sizes,
  );
});

test('a payload in a message of its own is a batch where it lies, and its receiver’s alone', () => {
  for (const [ahead, length] of [
    [32, 100],
    [128, 65_536],
    [128, 65_531],
    [1_024, 1_048_576],
  ] as const) {
    const message = new Uint8Array(ahead + length + (-length & 7)).fill(0xee);
    const payload = Uint8Array.from({ length }, (_, i) => i & 255);
    message.set(payload, ahead);
    const batch = batchInPlace(OP.data, 77, message, ahead, ahead + length);
    assert.equal(batch, message.buffer);
    const [only, ...more] = read(message.buffer);
    assert.deepEqual([only?.kind, only?.job, more.length], [OP.data, 77, 0]);
    assert.ok(Buffer.from(only!.payload).equals(payload));
    assert.equal(only?.payload.buffer, message.buffer);
    assert.equal(new OpReader(message.buffer).next(), true);
  }
});

test('a payload that is not nearly all of its message, or lies in a shared buffer, is left to be copied', () => {
  const message = new Uint8Array(66_000).fill(0xee);
  const refused: readonly (readonly [Uint8Array, number, number])[] = [
    [message, 24, 66_000],
    [message, 132, 66_000],
    [message, 1_032, 66_000],
    [message, 128, 65_992],
    [message.subarray(0, 65_992), 128, 65_992],
    [message.subarray(8), 128, 65_992],
    [new Uint8Array(new SharedArrayBuffer(66_000)), 128, 66_000],
  ];
  for (const [bytes, start, end] of refused)
    assert.equal(batchInPlace(OP.data, 1, bytes, start, end), undefined);
  assert.ok(message.every((byte) => byte === 0xee));
});

test('a batch that was taken is not changed by the next', () => {
  const collector = new OpBatch();
  collector.add(OP.data, 1, new Uint8Array([1, 2, 3]), 0, 3);
  const first = collector.take();
  collector.add(OP.data, 2, new Uint8Array([9, 9, 9]), 0, 3);
  assert.deepEqual(read(first), [{ kind: OP.data, job: 1, payload: new Uint8Array([1, 2, 3]) }]);
});

test('numbers come round as Int32, and are compared across the turn', () => {
  assert.equal(jobIdAfter(1), 2);
  assert.equal(jobIdAfter(0x7fff_ffff), -0x8000_0000);
  assert.equal(jobIdAfter(-1), 0);
  for (const [a, b] of [
    [2, 1],
    [-0x8000_0000, 0x7fff_ffff],
    [0, -1],
    [0x7fff_ffff, 1],
  ] as const) {
    assert.equal(isLater(a, b), true);
    assert.equal(isLater(b, a), false);
    assert.equal(isLater(a, a), false);
  }
});
