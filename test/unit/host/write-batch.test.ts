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

test('the memory of a large message serves again once the transport has taken it, and not before', () => {
  const written: { bytes: Uint8Array; onTaken: (() => void) | undefined }[] = [];
  const transport: Transport = {
    start: () => {},
    write: (bytes, onTaken) => written.push({ bytes, onTaken }) > 0,
    end: () => {},
    close: () => {},
  };
  const batch = new WriteBatch(transport);
  const send = (length: number, value: number): Uint8Array => {
    batch.append(length, new Uint8Array(length).fill(value));
    const { bytes } = written.at(-1) ?? assert.fail('nothing was written');
    assert.ok(bytes.length === length && bytes.every((byte) => byte === value));
    return bytes;
  };
  const memory = (bytes: Uint8Array): unknown => bytes.buffer;
  const first = send(100_000, 1);
  const second = send(100_000, 2);
  assert.notEqual(memory(second), memory(first), 'the first is still being written');
  written[0]?.onTaken?.();
  const third = send(70_000, 3);
  assert.equal(memory(third), memory(first), 'a shorter message has room in it');
  assert.ok(second.every((byte) => byte === 2));
  written[2]?.onTaken?.();
  assert.notEqual(memory(send(100_008, 4)), memory(first), 'a longer one has not');
  // The memory that is kept has a bound: 4 MiB are three of these, with what a fourth would add over it.
  const large = Array.from({ length: 4 }, () => send(1_200_000, 5));
  for (const { onTaken } of written.slice(-4)) onTaken?.();
  const again = Array.from({ length: 4 }, () => send(1_200_000, 6));
  assert.equal(again.filter((bytes) => large.some((other) => memory(other) === memory(bytes))).length, 3);
});
