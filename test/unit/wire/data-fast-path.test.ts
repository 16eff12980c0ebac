import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { FrameDecoder } from '../../../src/wire/frame.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { streamIdFromWords } from '../../../src/wire/stream-id.ts';
import { DataFastPath } from '../../../src/wire/data-fast-path.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

const ID = streamIdFromWords(0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210);
const encoder = new FrameEncoder(ID);

interface Fields {
  readonly arm: number;
  readonly id: string;
  readonly data: string;
}

/** What the decoders make of a whole message; undefined: they refuse it, or it is no frame whose two ids agree. */
function decoded(message: Uint8Array): Fields | undefined {
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  try {
    envelope.decode(message, 0, message.length);
    frame.decode(message, envelope.payloadStart, envelope.payloadEnd);
  } catch {
    return undefined;
  }
  const isText = envelope.requestIdEnd - envelope.requestIdStart === ID.length;
  if (!isText || !frame.idMatches(message, envelope.requestIdStart)) return undefined;
  return fieldsOf(frame, message);
}

function recognised(message: Uint8Array): Fields | undefined {
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  return new DataFastPath().match(frame, message, 0, message.length) ? fieldsOf(frame, message) : undefined;
}

function fieldsOf(frame: FrameDecoder, message: Uint8Array): Fields {
  return {
    arm: frame.arm,
    id: streamIdFromWords(frame.id0, frame.id1, frame.id2, frame.id3),
    data: Buffer.from(message.subarray(frame.dataStart, frame.dataEnd)).toString('hex'),
  };
}

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7);
}

test('Data as encoders write it is recognised at any length, and read as the decoders read it', () => {
  for (const length of [64, 0, 1, 7, 8, 9, 63, 65, 4096, 65_536]) {
    const message = encoder.data(payload(length));
    const seen = recognised(message);
    assert.ok(seen !== undefined, `${length} bytes`);
    assert.deepEqual(seen, decoded(message), `${length} bytes`);
  }
});

test('so it is for any id', () => {
  const words = [0, 1, 0xff, 0x100, 0x7fffffff, 0x80000000, 0xffffffff, 0xdeadbeef];
  for (const word of words) {
    for (let place = 0; place < 4; place++) {
      const id = [0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210].with(place, word);
      const message = new FrameEncoder(streamIdFromWords(id[0]!, id[1]!, id[2]!, id[3]!)).data(payload(5));
      const seen = recognised(message);
      assert.equal(seen?.id, decoded(message)?.id);
      assert.ok(seen !== undefined);
    }
  }
});

test('other arms are not taken for Data', () => {
  for (const message of [encoder.close(), encoder.credit(128), encoder.cancel('no'), encoder.cancel('')]) {
    assert.equal(recognised(message), undefined);
  }
});

test('no changed header byte is recognised, but where the decoders read the same', () => {
  for (const length of [0, 5, 64, 72]) {
    const message = encoder.data(payload(length));
    for (let at = 0; at < FrameEncoder.DATA_HEADER_BYTES; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = message.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        const seen = recognised(changed);
        if (seen !== undefined) assert.deepEqual(seen, decoded(changed), `bit ${bit} of byte ${at}`);
      }
    }
  }
});

test('an id whose text and number disagree is left to the decoders, in each of their 128 bits', () => {
  const message = encoder.data(payload(8));
  const other = new DataView(message.slice().buffer);
  const frameIdAt = FrameEncoder.ENVELOPE_BYTES + 16;
  for (let bit = 0; bit < 128; bit++) {
    const at = frameIdAt + (bit >> 3);
    other.setUint8(at, other.getUint8(at) ^ (1 << (bit & 7)));
    assert.equal(recognised(new Uint8Array(other.buffer)), undefined);
    other.setUint8(at, other.getUint8(at) ^ (1 << (bit & 7)));
  }
  assert.ok(recognised(new Uint8Array(other.buffer)) !== undefined);
});

test('a message whose lengths disagree with its size is left to the decoders', () => {
  const message = encoder.data(payload(64));
  for (const size of [120, 128, 184, 200, 256]) {
    const cut = new Uint8Array(size);
    cut.set(message.subarray(0, size));
    assert.equal(recognised(cut), undefined, `${size} bytes`);
  }
});

test('a message is found where it lies, in any buffer and at any offset', () => {
  const fastPath = new DataFastPath();
  const message = encoder.data(payload(24));
  for (const offset of [0, 1, 3, 8]) {
    const buffer = new Uint8Array(512 + offset).subarray(offset);
    buffer.set(message, 40);
    const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
    assert.ok(fastPath.match(frame, buffer, 40, 40 + message.length));
    assert.deepEqual([frame.dataStart, frame.dataEnd], [168, 192]);
  }
});
