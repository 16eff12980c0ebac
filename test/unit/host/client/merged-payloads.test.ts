import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergedPayloads } from '../../../../src/host/client/merged-payloads.ts';

const lengths = (payloads: Iterable<Uint8Array>, now?: () => number): number[] =>
  [...mergedPayloads(payloads, now)].map(({ length }) => length);

test('payloads are merged in their order until they have 64 KiB', () => {
  const payloads = Array.from({ length: 200 }, (_, index) => Buffer.alloc(1000, index));
  const merged = [...mergedPayloads(payloads, () => 0)];
  assert.deepEqual(
    merged.map(({ length }) => length),
    [66_000, 66_000, 66_000, 2_000],
  );
  assert.ok(Buffer.concat(payloads).equals(Buffer.concat(merged)));
});

test('a payload that is large by itself, or the last one, does not wait', () => {
  const payloads = [3, 1 << 20, 4].map((length) => Buffer.alloc(length));
  assert.deepEqual(
    lengths(payloads, () => 0),
    [3 + (1 << 20), 4],
  );
  assert.deepEqual(lengths([]), []);
});

test('what is 5 ms old leaves with the next payload, since a generator may compute between its values', () => {
  let time = 0;
  const payloads = (function* () {
    for (const ms of [1, 1, 4, 9, 1]) {
      time += ms;
      yield Buffer.alloc(1);
    }
  })();
  assert.deepEqual(
    lengths(payloads, () => time),
    [3, 1, 1],
  );
});
