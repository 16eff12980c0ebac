import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_PAYLOAD, encodeEnvelope, EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { MESSAGE_TYPE } from '../../../src/wire/message-type.ts';
import {
  byteWords,
  bytesPointer,
  farPointer,
  message,
  NULL,
  structPointer,
  textWords,
  type Word,
} from '../../support/wire-words.ts';
import { ENVELOPES, TWO_SEGMENTS } from '../golden/wire.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function decode(bytes: Uint8Array): EnvelopeDecoder {
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  envelope.decode(bytes, 0, bytes.length);
  return envelope;
}

function refuses(what: MalformedKind, bytes: Uint8Array): void {
  assert.throws(
    () => decode(bytes),
    (error) => error instanceof MalformedError && error.what === what,
  );
}

/** An envelope whose requestId is `bytes` of text, to which a NUL is added. */
function withRequestId(bytes: readonly number[]): Uint8Array {
  const text = [...bytes, 0];
  return message([structPointer(0, 1, 2), [0, 0], bytesPointer(1, text.length), NULL, ...byteWords(text)]);
}

for (const golden of ENVELOPES) {
  const { type, requestId, payload, hex } = golden;
  const name = `${type} with requestId "${requestId.slice(0, 16)}" and ${payload.length / 2} bytes`;
  test(`${name} is written byte by byte as capnp writes it`, () => {
    assert.equal(toHex(encodeEnvelope(type, requestId, fromHex(payload))), hex);
  });
  test(`${name} is read as capnp wrote it`, () => {
    const envelope = decode(fromHex(hex));
    assert.equal(envelope.typeNumber, MESSAGE_TYPE[type]);
    assert.equal(envelope.requestId(), requestId);
    assert.equal(toHex(envelope.payload()), payload);
  });
}

test('an envelope that capnp wrote in two segments is read', () => {
  const { head, count, tail } = TWO_SEGMENTS;
  const bytes = fromHex(head + 'ab'.repeat(count) + tail);
  const envelope = decode(bytes);
  assert.equal(envelope.typeNumber, MESSAGE_TYPE.response);
  assert.equal(envelope.requestId(), 'far');
  assert.equal(toHex(envelope.payload()), 'ab'.repeat(count));
  refuses('trailing-bytes', Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0, 0, 0]));
  refuses('segment-bounds', bytes.subarray(0, bytes.length - 8));
});

test('payloads of all sizes come back as they went in, and the message has its exact size', () => {
  for (const size of [0, 1, 7, 8, 9, 64, 65_536, 1_048_576]) {
    const payload = Uint8Array.from({ length: size }, (_, i) => (i * 31 + 7) & 255);
    const bytes = encodeEnvelope('handle', '0123456', payload);
    assert.equal(bytes.length, 48 + Math.ceil(size / 8) * 8);
    assert.equal(bytes.buffer.byteLength, bytes.length);
    const envelope = decode(bytes);
    assert.equal(Buffer.compare(envelope.payload(), payload), 0);
  }
});

test('a payload that is a view into a larger buffer goes in alone', () => {
  const buffer = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(toHex(decode(encodeEnvelope('handle', 'a', buffer.subarray(10, 13))).payload()), '0a0b0c');
});

test('an envelope with nothing set has all defaults', () => {
  for (const bytes of [
    message([NULL]),
    message([structPointer(0, 1, 2), NULL, NULL, NULL]),
    message([structPointer(-1, 0, 0)]),
  ]) {
    const envelope = decode(bytes);
    assert.equal(envelope.typeNumber, MESSAGE_TYPE.handle);
    assert.equal(envelope.requestId(), '');
    assert.equal(envelope.requestIdEnd - envelope.requestIdStart, 0);
    assert.equal(envelope.payload().length, 0);
  }
});

test('one decoder reads one message after the other and keeps nothing of the last', () => {
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  const full = encodeEnvelope('shutdown', 'abc', new Uint8Array(9));
  const bare = message([NULL]);
  envelope.decode(full, 0, full.length);
  envelope.decode(bare, 0, bare.length);
  assert.deepEqual([envelope.typeNumber, envelope.requestId(), envelope.payload().length], [0, '', 0]);
});

test('an envelope in the middle of a chunk is read where it lies', () => {
  const inner = encodeEnvelope('health', 'abc', Uint8Array.of(1, 2, 3));
  const chunk = new Uint8Array(inner.length + 50).fill(0xff);
  chunk.set(inner, 13);
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  envelope.decode(chunk, 13, 13 + inner.length);
  assert.equal(envelope.requestId(), 'abc');
  assert.equal(Buffer.from(chunk.subarray(envelope.requestIdStart, envelope.requestIdEnd)).toString(), 'abc');
  assert.deepEqual([...chunk.subarray(envelope.payloadStart, envelope.payloadEnd)], [1, 2, 3]);
});

test('a type that nobody knows is handed on as its number', () => {
  const envelope = decode(message([structPointer(0, 1, 0), [0xffff_fffe, 0]]));
  assert.equal(envelope.typeNumber, 0xfffe);
});

test('a requestId of 256 bytes passes and one of 257 is refused, both ways', () => {
  const a = 'a'.charCodeAt(0);
  assert.equal(decode(withRequestId(Array<number>(256).fill(a))).requestId().length, 256);
  refuses('request-id', withRequestId(Array<number>(257).fill(a)));
  assert.equal(encodeEnvelope('handle', 'ü'.repeat(128), EMPTY_PAYLOAD).length, 40 + 264);
  assert.throws(() => encodeEnvelope('handle', 'ü'.repeat(129), EMPTY_PAYLOAD), RangeError);
});

test('a requestId that is not UTF-8 is refused', () => {
  for (const bytes of [
    [0x80],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0x61, 0xe2, 0x82],
  ]) {
    refuses('text-utf8', withRequestId(bytes));
  }
  assert.equal(decode(withRequestId([0xe2, 0x82, 0xac])).requestId(), '€');
});

test('the payload of a far envelope may lie in any segment', () => {
  const root: Word[] = [structPointer(0, 1, 2), [9, 0], farPointer(2, 0), farPointer(1, 0, true)];
  const bytes = message(
    root,
    [farPointer(3, 1), bytesPointer(0, 3)],
    [bytesPointer(0, 3), ...textWords('id')],
    [NULL, [0x03_02_01, 0]],
  );
  const envelope = decode(bytes);
  assert.equal(envelope.requestId(), 'id');
  assert.deepEqual([...envelope.payload()], [1, 2, 3]);
});

test('a message cut off at any byte is refused', () => {
  const bytes = fromHex(ENVELOPES[0].hex);
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => decode(bytes.slice(0, length)), MalformedError, `${length} bytes passed`);
  }
});
