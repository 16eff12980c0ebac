import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8, shortAscii } from '../../../src/wire/capnp/utf8.ts';

test('a text is encoded as TextEncoder does it, short or long, plain or not', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 80 })),
      (text) => {
        assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
      },
    ),
  );
  for (const text of ['', 'a'.repeat(64), 'a'.repeat(65), 'a\ud800', '\u007f\u0080'])
    assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
});

test('short plain bytes are read where they lie, all others are left to the decoder', () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => i % 0x80);
  for (const [start, end] of [
    [0, 0],
    [3, 4],
    [100, 164],
  ] as const)
    assert.equal(shortAscii(bytes, start, end), String.fromCharCode(...bytes.subarray(start, end)));
  assert.equal(shortAscii(bytes, 0, 65), undefined);
  bytes[5] = 0x80;
  assert.equal(shortAscii(bytes, 0, 6), undefined);
  assert.equal(shortAscii(bytes, 0, 5), '\0\u0001\u0002\u0003\u0004');
});
