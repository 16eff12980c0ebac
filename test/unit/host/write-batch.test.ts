import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transport } from '../../../src/host/transport/transport.ts';
import { WriteBatch } from '../../../src/host/transport/write-batch.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { streamIdFromWords } from '../../../src/wire/stream-id.ts';

test('a message is padded with zeros, whatever the memory held that it is written into', (t) => {
  t.mock.method(Buffer, 'allocUnsafeSlow', (length: number) => Buffer.alloc(length, 0xee));
  const written: Uint8Array[] = [];
  const transport: Transport = {
    start: () => {},
    write: (bytes) => written.push(bytes) > 0,
    end: () => {},
    close: () => {},
  };
  const batch = new WriteBatch(transport);
  const encoder = new FrameEncoder(streamIdFromWords(1, 2, 3, 4));
  // Inside a slab, over the end of one, and in a buffer of its own.
  const payloads = [0, 1, 7, 8, 9, 60_001, 65_409, 100_003, 50_005, 50_006].map((length) =>
    new Uint8Array(length).fill(0x55),
  );
  for (const payload of payloads) {
    const header = encoder.dataHeader(payload.length);
    batch.append(FrameEncoder.dataMessageBytes(payload.length), header, payload);
  }
  batch.flush();
  // `data` writes into zeroed memory of its own.
  const expected = Buffer.concat(payloads.map((payload) => encoder.data(payload)));
  assert.ok(Buffer.concat(written).equals(expected));
});
