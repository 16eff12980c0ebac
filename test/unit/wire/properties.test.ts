import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Framer } from '../../../src/wire/capnp/framer.ts';
import { MESSAGES, PAYLOADS } from '../../support/message-arbitraries.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

for (const [index, { struct, any, read }] of [...PAYLOADS, ...MESSAGES].entries()) {
  test(`whatever is encoded as ${struct} (${index}) is decoded as it was`, () => {
    fc.assert(
      fc.property(any, ({ bytes, expected }) => assert.deepEqual(plain(read(bytes)), plain(expected))),
      { numRuns: 200 },
    );
  });
}

test('however a stream of messages is cut, the same messages come out', () => {
  const messages = fc.array(fc.oneof(...MESSAGES.map(({ any }) => any.map(({ bytes }) => bytes))), {
    maxLength: 8,
  });
  const cuts = fc.array(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 600 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(messages, cuts, (sent, sizes) => {
      const stream = Buffer.concat(sent);
      const received: Uint8Array[] = [];
      const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) =>
        received.push(bytes.slice(start, end)),
      );
      let at = 0;
      for (const size of [...sizes, stream.length]) {
        // A buffer of its own, which is used again as the framer says it may be.
        const chunk = new Uint8Array(stream.subarray(at, at + size));
        framer.push(chunk);
        chunk.fill(0xff);
        at += size;
      }
      assert.deepEqual(received, sent);
      assert.equal(framer.pendingBytes, 0);
    }),
    { numRuns: 300 },
  );
});

/** Without prototypes, which fast-check's records may or may not have. */
function plain(value: object): unknown {
  return structuredClone(value);
}
