import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvelopeDecoder, encodeEnvelope } from '../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder } from '../../src/wire/frame.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { MESSAGE_TYPES } from '../../src/wire/message-type.ts';
import { parseStreamId } from '../../src/wire/stream-id.ts';
import { decodeToText, encodeLiterals, toLiteral } from '../support/capnp.ts';
import { readLayout, type StructValue } from '../support/layout.ts';
import { bytesOf, CONTEXT, contextValue, SEGMENT_WORDS, SIZES, textOf } from './corpus.ts';
import { toDoubleFar } from './double-far.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

const layout = readLayout();
const ID = parseStreamId('fedcba9876543210000000000000000a')!;
const ID_VALUE = { 'streamId.hi': 0xfedc_ba98_7654_3210n, 'streamId.lo': 10n };

function encodeWithTool(struct: string, values: readonly StructValue[], segmentWords?: number): Uint8Array[] {
  const literals = values.map((value) => toLiteral(layout, struct, value));
  return encodeLiterals(struct, literals, segmentWords);
}

interface EnvelopeFields {
  readonly type: (typeof MESSAGE_TYPES)[number];
  readonly id: string;
  readonly payload: Uint8Array;
}

/** Every type in every size, but for the largest: that is a matter of the payload alone. */
const ENVELOPES: readonly EnvelopeFields[] = MESSAGE_TYPES.flatMap((type) =>
  SIZES.filter((size) => size <= 65_536 || type === 'streamFrame').map((size, i) => ({
    type,
    id: textOf(i * 8),
    payload: bytesOf(size),
  })),
);

function envelopeValue({ type, id, payload }: EnvelopeFields): StructValue {
  return { messageType: type, requestId: id, payload };
}

function readEnvelope(message: Uint8Array): EnvelopeFields {
  const decoder = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  decoder.decode(message, 0, message.length);
  return { type: MESSAGE_TYPES[decoder.typeNumber]!, id: decoder.requestId(), payload: decoder.payload() };
}

test('envelopes of every type and size are the bytes of the capnp tool', () => {
  const theirs = encodeWithTool('IpcEnvelope', ENVELOPES.map(envelopeValue));
  ENVELOPES.forEach(({ type, id, payload }, i) => {
    const ours = encodeEnvelope(type, id, payload);
    assert.ok(Buffer.from(ours).equals(theirs[i]!), `${type}, ${payload.length} bytes`);
  });
});

test('envelopes of one segment and of many are read as the capnp tool made them', () => {
  for (const segmentWords of SEGMENT_WORDS) {
    const theirs = encodeWithTool('IpcEnvelope', ENVELOPES.map(envelopeValue), segmentWords);
    ENVELOPES.forEach((fields, i) => assert.deepEqual(readEnvelope(theirs[i]!), fields));
  }
});

test('envelopes with double-far pointers are read as the capnp tool reads them', () => {
  const theirs = encodeWithTool('IpcEnvelope', ENVELOPES.map(envelopeValue));
  const far = theirs.map((message) => new Uint8Array(toDoubleFar(message)));
  ENVELOPES.forEach((fields, i) => assert.deepEqual(readEnvelope(far[i]!), fields));
  assert.deepEqual(decodeToText('IpcEnvelope', far), decodeToText('IpcEnvelope', theirs));
});

/** One frame: as the tool is told to make it, as our encoder makes it, and what of it our decoder must read. */
interface FrameSample {
  readonly arm: Record<string, StructValue[string]>;
  readonly envelope: Uint8Array;
  readonly read: (frame: FrameDecoder, bytes: Uint8Array) => unknown;
  readonly expected: unknown;
}

function frameSamples(): FrameSample[] {
  const encoder = new FrameEncoder(ID);
  return SIZES.flatMap((size): FrameSample[] => {
    const payload = bytesOf(size);
    const text = textOf(Math.min(size, 65_536));
    const context = { ...CONTEXT, tracestate: text };
    const initialCredit = 2 ** 32 - 1 - size;
    const error = { code: 'flowControlViolation', message: text, details: payload } as const;
    return [
      {
        arm: { open: { context: contextValue(context), initialCredit } },
        envelope: encodeOpenFrame(ID, context, initialCredit),
        read: (frame) => [frame.open().context, frame.open().initialCredit],
        expected: [context, initialCredit],
      },
      {
        arm: { data: payload },
        envelope: encoder.data(payload),
        read: (frame, bytes) => new Uint8Array(bytes.subarray(frame.dataStart, frame.dataEnd)),
        expected: payload,
      },
      {
        arm: { progress: payload },
        envelope: encoder.progress(payload),
        read: (frame, bytes) => new Uint8Array(bytes.subarray(frame.dataStart, frame.dataEnd)),
        expected: payload,
      },
      {
        arm: { credit: initialCredit },
        envelope: encoder.credit(initialCredit),
        read: (frame) => frame.credit,
        expected: initialCredit,
      },
      {
        arm: { close: null },
        envelope: encoder.close(),
        read: (frame) => frame.arm,
        expected: FRAME_ARM.close,
      },
      {
        arm: { cancel: text },
        envelope: encoder.cancel(text),
        read: (frame) => frame.cancelReason(),
        expected: text,
      },
      {
        arm: { error: size === 0 ? { code: error.code, message: '' } : error },
        envelope: encoder.error(error),
        read: (frame) => frame.error(),
        expected: { codeNumber: 11, ...error },
      },
    ];
  });
}

const FRAMES = frameSamples();
const FRAME_VALUES = FRAMES.map(({ arm }): StructValue => ({ ...ID_VALUE, ...arm }));

function inEnvelopes(frames: readonly Uint8Array[], segmentWords?: number): Uint8Array[] {
  const envelopes = frames.map((payload) => envelopeValue({ type: 'streamFrame', id: ID, payload }));
  return encodeWithTool('IpcEnvelope', envelopes, segmentWords);
}

function assertFrame({ arm, read, expected }: FrameSample, message: Uint8Array, label: string): void {
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  envelope.decode(message, 0, message.length);
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(message, envelope.payloadStart, envelope.payloadEnd);
  const name = Object.keys(arm)[0]!;
  assert.equal(frame.arm, FRAME_ARM[name as keyof typeof FRAME_ARM], `${name}, ${label}`);
  assert.ok(frame.idMatches(message, envelope.requestIdStart), `${name}, ${label}`);
  assert.deepEqual(read(frame, message), expected, `${name}, ${label}`);
}

test('frames of every arm and size are, with their envelopes, the bytes of the capnp tool', () => {
  const theirs = inEnvelopes(encodeWithTool('StreamFrame', FRAME_VALUES));
  FRAMES.forEach(({ envelope, arm }, i) => {
    assert.ok(Buffer.from(envelope).equals(theirs[i]!), `${Object.keys(arm)[0]}, ${envelope.length} bytes`);
  });
});

test('frames of one segment and of many are read as the capnp tool made them', () => {
  for (const segmentWords of SEGMENT_WORDS) {
    const theirs = inEnvelopes(encodeWithTool('StreamFrame', FRAME_VALUES, segmentWords), segmentWords);
    FRAMES.forEach((sample, i) => assertFrame(sample, theirs[i]!, `segments of ${segmentWords} words`));
  }
});

test('frames with double-far pointers are read as the capnp tool reads them', () => {
  const theirs = encodeWithTool('StreamFrame', FRAME_VALUES);
  const far = theirs.map((message) => new Uint8Array(toDoubleFar(message)));
  const envelopes = inEnvelopes(far).map((message) => new Uint8Array(toDoubleFar(message)));
  FRAMES.forEach((sample, i) => assertFrame(sample, envelopes[i]!, 'double-far'));
  assert.deepEqual(decodeToText('StreamFrame', far), decodeToText('StreamFrame', theirs));
});
