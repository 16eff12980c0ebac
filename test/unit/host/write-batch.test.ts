import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transport } from '../../../src/host/transport/transport.ts';
import { WriteBatch } from '../../../src/host/transport/write-batch.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { streamIdFromWords } from '../../../src/wire/stream-id.ts';

test('every write leaves the room in front that the transport asks for, and no two share it', () => {
  const written: Uint8Array[] = [];
  const transport: Transport = {
    headroom: 24,
    start: () => {},
    write: (bytes) => {
      // A transport writes its header there; a neighbour's bytes must not be hit.
      bytes.fill(0xaa, 0, 24);
      return written.push(bytes) > 0;
    },
    end: () => {},
    close: () => {},
  };
  const batch = new WriteBatch(transport);
  const messages = [8, 65_536, 100_000, 16, 70_000, 60_000, 60_000, 65_520, 65_504, 8].map((length, at) =>
    new Uint8Array(length).fill(at + 1),
  );
  for (const message of messages) batch.append(message.length, message);
  batch.flush();
  batch.flush();
  assert.ok(written.every((bytes) => bytes.length > 24 && bytes.subarray(0, 24).every((b) => b === 0xaa)));
  assert.ok(Buffer.concat(written.map((bytes) => bytes.subarray(24))).equals(Buffer.concat(messages)));
});

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
