import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvelopeDecoder } from '../../src/wire/envelope.ts';
import { FrameDecoder, FrameEncoder } from '../../src/wire/frame.ts';
import { KnownHeaders } from '../../src/wire/known-headers.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/limits.ts';
import { streamIdFromWords } from '../../src/wire/stream-id.ts';

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

function recognised(known: KnownHeaders, message: Uint8Array): Fields | undefined {
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  return known.recognise(frame, message, 0, message.length) ? fieldsOf(frame, message) : undefined;
}

function fieldsOf(frame: FrameDecoder, message: Uint8Array): Fields {
  return {
    arm: frame.arm,
    id: streamIdFromWords(frame.id0, frame.id1, frame.id2, frame.id3),
    data: Buffer.from(message.subarray(frame.dataStart, frame.dataEnd)).toString('hex'),
  };
}

function headersAfter(message: Uint8Array): KnownHeaders {
  const known = new KnownHeaders();
  known.remember(message, 0, message.length);
  return known;
}

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7);
}

test('Data of a stream that was seen is recognised at any length, as the decoders read it', () => {
  const known = headersAfter(encoder.data(payload(64)));
  for (const length of [64, 0, 1, 7, 8, 9, 63, 65, 4096, 65_536, 64]) {
    const message = encoder.data(payload(length));
    assert.deepEqual(recognised(known, message), decoded(message), `${length} bytes`);
  }
});

test('nothing is recognised before a frame of the stream has been remembered', () => {
  const message = encoder.data(payload(64));
  assert.equal(recognised(new KnownHeaders(), message), undefined);
  const other = new FrameEncoder(streamIdFromWords(0x01234567, 0x89abcdef, 0xfedcba98, 0x76543250));
  assert.equal(recognised(headersAfter(other.data(payload(64))), message), undefined);
});

test('other arms of the same stream are not taken for Data', () => {
  const known = headersAfter(encoder.data(payload(0)));
  for (const message of [encoder.close(), encoder.credit(128), encoder.cancel('no'), encoder.cancel('')]) {
    assert.equal(recognised(known, message), undefined);
  }
});

test('no changed header byte is recognised, but where the decoders read the same', () => {
  for (const length of [0, 5, 64, 72]) {
    const message = encoder.data(payload(length));
    const known = headersAfter(message);
    for (let at = 0; at < FrameEncoder.DATA_HEADER_BYTES; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = message.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        const seen = recognised(known, changed);
        if (seen !== undefined) assert.deepEqual(seen, decoded(changed), `bit ${bit} of byte ${at}`);
      }
    }
  }
});

test('a message whose lengths disagree with its size is left to the decoders', () => {
  const known = headersAfter(encoder.data(payload(64)));
  const message = encoder.data(payload(64));
  for (const size of [120, 128, 184, 200, 256]) {
    const cut = new Uint8Array(size);
    cut.set(message.subarray(0, size));
    assert.equal(recognised(known, cut), undefined, `${size} bytes`);
  }
});

test('only the layout of an encoder is remembered, and only of Data', () => {
  const message = encoder.data(payload(64));
  for (let at = 0; at < FrameEncoder.DATA_HEADER_BYTES; at++) {
    const odd = message.slice();
    odd[at] = (odd[at] ?? 0) ^ 1;
    // What the full check would refuse never gets as far as `remember`; what it takes may be remembered only as itself.
    if (decoded(odd) === undefined) continue;
    const seen = recognised(headersAfter(odd), odd);
    if (seen !== undefined) assert.deepEqual(seen, decoded(odd));
  }
  assert.equal(recognised(headersAfter(encoder.credit(64)), message), undefined);
});

test('ids that share a place take turns', () => {
  const known = new KnownHeaders();
  const near = new FrameEncoder(streamIdFromWords(1, 2, 3, 0x76543250)).data(payload(8));
  const message = encoder.data(payload(8));
  for (const each of [message, near, message]) {
    assert.equal(recognised(known, each), undefined);
    known.remember(each, 0, each.length);
    assert.deepEqual(recognised(known, each), decoded(each));
  }
});

test('a message is found where it lies, in any buffer and at any offset', () => {
  const known = headersAfter(encoder.data(payload(16)));
  const message = encoder.data(payload(24));
  for (const offset of [0, 1, 3, 8]) {
    const buffer = new Uint8Array(512 + offset).subarray(offset);
    buffer.set(message, 40);
    const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
    assert.ok(known.recognise(frame, buffer, 40, 40 + message.length));
    assert.deepEqual([frame.dataStart, frame.dataEnd], [168, 192]);
  }
});
