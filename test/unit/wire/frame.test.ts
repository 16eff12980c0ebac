import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { errorCodeNumber } from '../../../src/errors.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { encodeIpcError, readIpcError } from '../../../src/wire/error-payload.ts';
import { FRAME_ARM, FrameDecoder } from '../../../src/wire/frame.ts';
import { FrameEncoder } from '../../../src/wire/frame-encoder.ts';
import { MAX_DATA_BYTES } from '../../../src/wire/flow-limits.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { MessageReader } from '../../../src/wire/capnp/reader.ts';
import { parseStreamId, type StreamId } from '../../../src/wire/stream-id.ts';
import {
  bytesPointer,
  CAPABILITY,
  farPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  textWords,
  type Word,
} from '../../support/wire-words.ts';
import {
  CANONICAL_FRAMES,
  DATA_MESSAGES,
  ERROR_PAYLOADS,
  FRAME_MESSAGES,
  ID,
  OPEN_FRAMES,
} from '../golden/wire.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

function streamId(text: string): StreamId {
  const id = parseStreamId(text);
  assert.ok(id);
  return id;
}

const GOLDEN_ID = streamId(ID);
const encoder = new FrameEncoder(GOLDEN_ID);

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function sha256(...parts: readonly Uint8Array[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}

/** The pattern that the golden Data messages carry. */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + 7) & 255);
}

function decodeFrame(bytes: Uint8Array): FrameDecoder {
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(bytes, 0, bytes.length);
  return frame;
}

/** Decodes a whole message of the wire: the envelope, then the frame in it. */
function decodeMessage(bytes: Uint8Array): { envelope: EnvelopeDecoder; frame: FrameDecoder } {
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  envelope.decode(bytes, 0, bytes.length);
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(bytes, envelope.payloadStart, envelope.payloadEnd);
  return { envelope, frame };
}

function refuses(what: MalformedKind, act: () => unknown): void {
  assert.throws(act, (error) => error instanceof MalformedError && error.what === what);
}

/** A frame of that arm whose pointer is `pointer`, with words behind. */
function frameWith(arm: number, pointer: Word, ...behind: Word[]): Uint8Array {
  return message([structPointer(0, 3, 1), [1, 0], [2, 0], [arm, 77], pointer, ...behind]);
}

for (const { size, bytes, head, sha256: digest } of DATA_MESSAGES) {
  test(`Data of ${size} bytes is written byte by byte as capnp writes it`, () => {
    const whole = encoder.data(pattern(size));
    assert.equal(whole.length, bytes);
    assert.equal(toHex(whole.subarray(0, head.length / 2)), head);
    assert.equal(sha256(whole), digest);
  });
  test(`Data of ${size} bytes is the same in parts: header, payload, padding`, () => {
    const header = encoder.dataHeader(size);
    assert.equal(header.length, FrameEncoder.DATA_HEADER_BYTES);
    assert.equal(FrameEncoder.dataMessageBytes(size), bytes);
    const padding = new Uint8Array(bytes - header.length - size);
    assert.ok(padding.length < 8);
    assert.equal(sha256(header, pattern(size), padding), digest);
  });
  test(`Data of ${size} bytes is read where it lies`, () => {
    const whole = encoder.data(pattern(size));
    assert.equal(sha256(whole), digest);
    const { envelope, frame } = decodeMessage(whole);
    assert.equal(frame.arm, FRAME_ARM.data);
    assert.ok(frame.idMatches(whole, envelope.requestIdStart));
    assert.equal(frame.dataEnd - frame.dataStart, size);
    assert.equal(Buffer.compare(whole.subarray(frame.dataStart, frame.dataEnd), pattern(size)), 0);
  });
}

test('the other arms are written byte by byte as capnp writes them', () => {
  const written: Record<keyof typeof FRAME_MESSAGES, Uint8Array> = {
    close: encoder.close(),
    credit0: encoder.credit(0),
    credit131072: encoder.credit(131_072),
    creditMax: encoder.credit(0xffff_ffff),
    cancel: encoder.cancel('the user left'),
    cancelEmpty: encoder.cancel(''),
    error: encoder.error({ code: 'handlerFailed', message: 'boom' }),
    errorDetails: encoder.error({
      code: 'unimplemented',
      message: 'no grüße',
      details: Uint8Array.of(0, 255, 16),
    }),
    errorEmpty: encoder.error({ code: 'internal', message: '', details: new Uint8Array(0) }),
    progress: encoder.progress(Buffer.from('{"done":3}')),
    progressEmpty: encoder.progress(new Uint8Array(0)),
  };
  for (const [name, bytes] of Object.entries(written)) {
    assert.equal(toHex(bytes), FRAME_MESSAGES[name as keyof typeof FRAME_MESSAGES], name);
  }
});

test('the other arms are read as capnp wrote them', () => {
  const close = decodeMessage(fromHex(FRAME_MESSAGES.close)).frame;
  assert.deepEqual([close.arm, close.credit, close.dataEnd - close.dataStart], [FRAME_ARM.close, 0, 0]);
  const credits = { credit0: 0, credit131072: 131_072, creditMax: 0xffff_ffff } as const;
  for (const [name, credit] of Object.entries(credits)) {
    const { frame } = decodeMessage(fromHex(FRAME_MESSAGES[name as keyof typeof credits]));
    assert.deepEqual([frame.arm, frame.credit], [FRAME_ARM.credit, credit]);
  }
  const values = { progress: '{"done":3}', progressEmpty: '' } as const;
  for (const [name, value] of Object.entries(values)) {
    const message = fromHex(FRAME_MESSAGES[name as keyof typeof values]);
    const { frame } = decodeMessage(message);
    assert.equal(frame.arm, FRAME_ARM.progress);
    assert.equal(Buffer.from(message.subarray(frame.dataStart, frame.dataEnd)).toString(), value);
  }
  assert.equal(decodeMessage(fromHex(FRAME_MESSAGES.cancel)).frame.cancelReason(), 'the user left');
  assert.equal(decodeMessage(fromHex(FRAME_MESSAGES.cancelEmpty)).frame.cancelReason(), '');
  assert.deepEqual(decodeMessage(fromHex(FRAME_MESSAGES.errorDetails)).frame.error(), {
    codeNumber: 12,
    code: 'unimplemented',
    message: 'no grüße',
    details: Uint8Array.of(0, 255, 16),
  });
  assert.deepEqual(decodeMessage(fromHex(FRAME_MESSAGES.errorEmpty)).frame.error(), {
    codeNumber: 0,
    code: 'internal',
    message: '',
    details: new Uint8Array(0),
  });
});

test('frames that an encoder gave away stay as they are when it writes more', () => {
  const first = encoder.data(pattern(5));
  const close = encoder.close();
  const before = [toHex(first), toHex(close)];
  encoder.dataHeader(MAX_DATA_BYTES);
  encoder.error({ code: 'cancelled', message: 'x' });
  assert.deepEqual([toHex(first), toHex(close)], before);
});

test('a header that described another length before describes only the new one', () => {
  const fresh = toHex(new FrameEncoder(GOLDEN_ID).dataHeader(3));
  encoder.dataHeader(MAX_DATA_BYTES);
  assert.equal(toHex(encoder.dataHeader(3)), fresh);
});

test('encoders that take turns write their own ids and lengths into the header that they share', () => {
  const other = new FrameEncoder('00000000000000010000000000000002' as StreamId);
  const [own, others] = [toHex(encoder.dataHeader(3)), toHex(other.dataHeader(9))];
  encoder.dataHeader(3);
  assert.equal(toHex(other.dataHeader(9)), others);
  assert.equal(toHex(encoder.dataHeader(3)), own);
  const words = new FrameEncoder({ id0: 0, id1: 1, id2: 0, id3: 2 });
  assert.equal(toHex(words.dataHeader(9)), others);
});

test('a length that no list pointer can describe is a mistake of the caller', () => {
  assert.throws(() => encoder.dataHeader(2 ** 29), RangeError);
});

test('an id stands in the frame as hi and lo, and in the envelope with hi first', () => {
  const { envelope, frame } = decodeMessage(encoder.close());
  assert.equal(envelope.requestId(), '0123456789abcdeffedcba9876543210');
  assert.deepEqual(
    [frame.id0, frame.id1, frame.id2, frame.id3],
    [0x0123_4567, 0x89ab_cdef | 0, 0xfedc_ba98 | 0, 0x7654_3210],
  );
});

test('an id matches only its own text, whichever digit differs', () => {
  const text = Buffer.from(`..${ID}`);
  const { frame } = decodeMessage(encoder.close());
  assert.ok(frame.idMatches(text, 2));
  for (let i = 2; i < text.length; i += 1) {
    const other = Buffer.from(text);
    other[i] = other[i] === 0x66 ? 0x65 : 0x66;
    assert.ok(!frame.idMatches(other, 2), `digit ${i - 2}`);
  }
  assert.ok(!frame.idMatches(Buffer.from(ID.toUpperCase()), 0));
  for (const id of [
    '0'.repeat(32),
    'f'.repeat(32),
    '80000000'.repeat(4),
    'ffffffff00000000ffffffff00000000',
  ]) {
    const { envelope, frame: own } = decodeMessage(new FrameEncoder(streamId(id)).close());
    assert.ok(own.idMatches(envelope.bytes, envelope.requestIdStart), id);
    assert.ok(!own.idMatches(text, 2), id);
  }
});

test('data sections that end early have their defaults', () => {
  const open = decodeFrame(fromHex(CANONICAL_FRAMES.openIdOne));
  assert.deepEqual([open.id0, open.id1, open.id2, open.id3, open.arm], [0, 1, 0, 0, FRAME_ARM.open]);
  const close = decodeFrame(fromHex(CANONICAL_FRAMES.closeIdTwo));
  assert.deepEqual([close.id0, close.id1, close.id2, close.id3, close.arm], [0, 0, 0, 2, FRAME_ARM.close]);
  // The pointer right behind the two words of data isn't read as the discriminant.
  const two = decodeFrame(message([structPointer(0, 2, 1), [1, 0], [2, 0], structPointer(1, 0, 0), NULL]));
  assert.deepEqual([two.id1, two.id3, two.arm], [1, 2, FRAME_ARM.open]);
  const none = decodeFrame(message([NULL]));
  assert.deepEqual([none.id0, none.id1, none.id2, none.id3, none.arm], [0, 0, 0, 0, FRAME_ARM.open]);
});

test('a frame of a newer schema, with more data and pointers, is read', () => {
  const bytes = message([
    structPointer(0, 4, 2),
    [1, 0],
    [2, 0],
    [FRAME_ARM.data, 0],
    [9, 9],
    bytesPointer(1, 3),
    CAPABILITY,
    [0x63_62_61, 0],
  ]);
  const frame = decodeFrame(bytes);
  assert.equal(Buffer.from(bytes.subarray(frame.dataStart, frame.dataEnd)).toString(), 'abc');
});

test('an arm that nobody knows is no error, whatever its pointer is', () => {
  for (const pointer of [NULL, CAPABILITY, farPointer(7, 7), listPointer(99, 7, 99)]) {
    const frame = decodeFrame(frameWith(7, pointer));
    assert.deepEqual([frame.arm, frame.isKnownArm], [7, false]);
  }
  assert.equal(decodeFrame(frameWith(0xffff, NULL)).arm, 0xffff);
  for (const arm of Object.values(FRAME_ARM)) assert.ok(decodeFrame(frameWith(arm, NULL)).isKnownArm);
});

test('progress is checked completely by decode, as data is', () => {
  const body: Word = [0x63_62_61, 0];
  decodeFrame(frameWith(FRAME_ARM.progress, bytesPointer(0, 8), body));
  refuses('list-bounds', () => decodeFrame(frameWith(FRAME_ARM.progress, bytesPointer(0, 9), body)));
  refuses('list-kind', () => decodeFrame(frameWith(FRAME_ARM.progress, listPointer(0, 3, 1), body)));
  refuses('pointer-kind', () => decodeFrame(frameWith(FRAME_ARM.progress, CAPABILITY)));
});

test('data is checked completely by decode', () => {
  const body: Word = [0x63_62_61, 0];
  assert.equal(
    decodeFrame(frameWith(FRAME_ARM.data, NULL)).dataEnd -
      decodeFrame(frameWith(FRAME_ARM.data, NULL)).dataStart,
    0,
  );
  decodeFrame(frameWith(FRAME_ARM.data, bytesPointer(0, 8), body));
  refuses('list-bounds', () => decodeFrame(frameWith(FRAME_ARM.data, bytesPointer(0, 9), body)));
  refuses('list-bounds', () => decodeFrame(frameWith(FRAME_ARM.data, bytesPointer(1, 1), body)));
  refuses('list-kind', () => decodeFrame(frameWith(FRAME_ARM.data, listPointer(0, 3, 1), body)));
  refuses('list-kind', () => decodeFrame(frameWith(FRAME_ARM.data, listPointer(0, 7, 0), tag(0, 0, 0))));
  refuses('pointer-kind', () => decodeFrame(frameWith(FRAME_ARM.data, structPointer(0, 1, 0), body)));
  refuses('pointer-kind', () => decodeFrame(frameWith(FRAME_ARM.data, CAPABILITY)));
  refuses('far-pointer', () => decodeFrame(frameWith(FRAME_ARM.data, farPointer(0, 4))));
});

test('the pointers of open, cancel and error are checked by decode for kind and bounds', () => {
  for (const arm of [FRAME_ARM.open, FRAME_ARM.error]) {
    refuses('pointer-kind', () => decodeFrame(frameWith(arm, bytesPointer(0, 1), NULL)));
    refuses('segment-bounds', () => decodeFrame(frameWith(arm, structPointer(0, 1, 1), NULL)));
  }
  refuses('pointer-kind', () => decodeFrame(frameWith(FRAME_ARM.cancel, structPointer(0, 1, 0), NULL)));
  refuses('text-termination', () => decodeFrame(frameWith(FRAME_ARM.cancel, bytesPointer(0, 1), [0x61, 0])));
});

test('what lies deeper in open, cancel and error is checked when it is asked for', () => {
  const open = decodeFrame(frameWith(FRAME_ARM.open, structPointer(0, 1, 1), NULL, bytesPointer(0, 0)));
  refuses('pointer-kind', () => open.open());
  const cancel = decodeFrame(frameWith(FRAME_ARM.cancel, bytesPointer(0, 2), [0x00ff, 0]));
  refuses('text-utf8', () => cancel.cancelReason());
  const error = decodeFrame(
    frameWith(FRAME_ARM.error, structPointer(0, 1, 2), NULL, bytesPointer(9, 2), NULL),
  );
  refuses('list-bounds', () => error.error());
});

test('what an error says outlives the read buffer that it came in', () => {
  const buffer = Buffer.from(
    encoder.error({ code: 'cancelled', message: 'gone', details: Uint8Array.of(1, 2) }),
  );
  const fields = decodeMessage(buffer).frame.error();
  buffer.fill(0xee);
  assert.deepEqual([fields.message, fields.details], ['gone', Uint8Array.of(1, 2)]);
});

test('asking for an arm that is not set is refused', () => {
  const frame = decodeFrame(frameWith(FRAME_ARM.close, NULL));
  refuses('union-arm', () => frame.open());
  refuses('union-arm', () => frame.cancelReason());
  refuses('union-arm', () => frame.error());
});

test('a frame of no bytes, or with bytes behind it, is malformed', () => {
  refuses('framing', () => decodeFrame(new Uint8Array(0)));
  const bytes = frameWith(FRAME_ARM.close, NULL);
  refuses('trailing-bytes', () => decodeFrame(Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0, 0, 0])));
});

test('a frame in several segments is read', () => {
  const bytes = message(
    [farPointer(1, 0)],
    [structPointer(0, 3, 1), [1, 0], [2, 0], [FRAME_ARM.data, 0], farPointer(2, 0)],
    [bytesPointer(0, 2), [0x62_61, 0]],
  );
  const frame = decodeFrame(bytes);
  assert.equal(Buffer.from(bytes.subarray(frame.dataStart, frame.dataEnd)).toString(), 'ab');
});

test('a decoder keeps nothing of the frame before', () => {
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  for (const bytes of [
    frameWith(FRAME_ARM.credit, NULL),
    fromHex(OPEN_FRAMES.full),
    frameWith(FRAME_ARM.data, bytesPointer(0, 8), [1, 1]),
    message([NULL]),
  ]) {
    frame.decode(bytes, 0, bytes.length);
  }
  assert.deepEqual([frame.arm, frame.id1, frame.credit, frame.dataEnd - frame.dataStart], [0, 0, 0, 0]);
});

for (const { code, message: text, details, hex } of ERROR_PAYLOADS) {
  test(`an IpcError ${code} with "${text}" is written and read as capnp writes it`, () => {
    const bytes = encodeIpcError({ code, message: text, details: fromHex(details) });
    assert.equal(toHex(bytes), hex);
    const reader = new MessageReader(DEFAULT_WIRE_LIMITS);
    reader.open(bytes, 0, bytes.length);
    const expected = { codeNumber: errorCodeNumber(code), code, message: text, details: fromHex(details) };
    assert.deepEqual(readIpcError(reader.root()), expected);
  });
}

test('an error code that this version does not know reads as internal and keeps its number', () => {
  const reader = new MessageReader(DEFAULT_WIRE_LIMITS);
  const bytes = message([structPointer(0, 1, 1), [999, 0], bytesPointer(0, 4), ...textWords('new')]);
  reader.open(bytes, 0, bytes.length);
  const fields = readIpcError(reader.root());
  assert.deepEqual([fields.codeNumber, fields.code, fields.message], [999, 'internal', 'new']);
});
