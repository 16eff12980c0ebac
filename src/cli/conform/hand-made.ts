import { readUint16, readUint32, writeUint32 } from '../../wire/capnp/bytes.ts';
import { SegmentWriter } from '../../wire/capnp/segment-writer.ts';
import { encodeEnvelope } from '../../wire/envelope.ts';
import { FRAME_LAYOUT } from '../../wire/frame.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import { streamIdWords, type StreamId } from '../../wire/stream-id.ts';

// Messages that no encoder of ours writes: what a host must not send, and layouts that are as good as the usual one.

const writer = new SegmentWriter();
const utf8 = new TextEncoder();

/** Bytes that are no Cap'n Proto message. */
export const NO_MESSAGE: Uint8Array = utf8.encode('GET / HTTP/1.1\r\nHost: module\r\n\r\n');

/** A text field's bytes that are no UTF-8. */
const NO_UTF8 = Uint8Array.of(0xc3, 0x28, 0);

/** An envelope of any type, with an empty payload. */
export function envelopeOfType(type: number, requestId: string): Uint8Array {
  const root = writer.beginMessage(1, 2);
  writer.uint16(root, type);
  writer.text(root + 8, requestId);
  return writer.message();
}

/** A struct of that shape whose text field at `pointer` is no UTF-8, and else all defaults. */
export function structWithBadText(dataWords: number, pointers: number, pointer: number): Uint8Array {
  const root = writer.beginMessage(dataWords, pointers);
  writer.data(root + (dataWords + pointer) * 8, NO_UTF8);
  return writer.message();
}

/** A frame of any arm, whose pointer is null, in the envelope of `id`; `inner` is the id that the frame says itself. */
export function frameOfArm(id: StreamId, arm: number, inner: StreamId = id): Uint8Array {
  return encodeEnvelope('streamFrame', id, nestedFrame(inner, arm));
}

/** A frame whose nested message is cut in its middle. */
export function cutFrame(id: StreamId): Uint8Array {
  return encodeEnvelope('streamFrame', id, nestedFrame(id, 1).subarray(0, 24));
}

/** A cancel whose reason is no UTF-8. */
export function cancelWithBadText(id: StreamId): Uint8Array {
  const root = beginFrame(id, 4);
  writer.data(root + FRAME_LAYOUT.dataWords * 8, NO_UTF8);
  return encodeEnvelope('streamFrame', id, writer.message());
}

/** An envelope whose root pointer leads outside of the message. */
export function brokenEnvelope(): Uint8Array {
  const message = encodeEnvelope('health', 'x', new Uint8Array(0));
  writeUint32(message, 8, 1000 << 2);
  return message;
}

/** A segment table that declares a message of that many bytes, and the first word of it. */
export function declaredMessage(bytes: number): Uint8Array {
  const out = new Uint8Array(16);
  writeUint32(out, 4, bytes / 8);
  return out;
}

/** A segment table with too many segments. */
export function declaredSegments(count: number): Uint8Array {
  const out = new Uint8Array(8);
  writeUint32(out, 0, count - 1);
  return out;
}

/** The frame in `message`, as its encoder wrote it, with both the envelope and the nested message in another layout. */
export function relaid(
  id: StreamId,
  message: Uint8Array,
  layout: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  return layout(encodeEnvelope('streamFrame', id, layout(message.subarray(FrameEncoder.ENVELOPE_BYTES))));
}

/** The message of one segment with each target of its root's pointers in a segment of its own, behind a far pointer. */
export function inSegments(message: Uint8Array): Uint8Array {
  return spread(message, (root, index, pointer, target, segments) => {
    const at = segments.length;
    // The landing pad lies ahead of the target, so its pointer has the offset 0.
    segments.push(concat(wordOf(pointer.low & 3, pointer.high), target));
    writeFar(root, index, at, false);
  });
}

/** As {@link inSegments}, with each landing pad, of two words, in a segment of its own, too. */
export function behindDoubleFar(message: Uint8Array): Uint8Array {
  return spread(message, (root, index, pointer, target, segments) => {
    const at = segments.length;
    segments.push(target, concat(wordOf(2, at), wordOf(pointer.low & 3, pointer.high)));
    writeFar(root, index, at + 1, true);
  });
}

/** The message of one segment as a host writes it whose schema has a further word and a further pointer in the root struct. */
export function withNewerFields(message: Uint8Array): Uint8Array {
  const { dataWords, pointers } = shapeOf(message);
  const pointersAt = STRUCT_AT + dataWords * 8;
  const bodyAt = pointersAt + pointers * 8;
  const segment = concat(
    wordOf(0, (dataWords + 1) | ((pointers + 1) << 16)),
    message.subarray(STRUCT_AT, pointersAt),
    wordOf(0x0bad_cafe, 0x0bad_cafe),
    message.subarray(pointersAt, bodyAt),
    wordOf(0, 0),
    message.subarray(bodyAt),
  );
  const movedAt = pointersAt - STRUCT_AT + 16;
  for (let at = movedAt; at < movedAt + pointers * 8; at += 8) {
    // One word more lies between each pointer and its target; a null pointer stays one.
    if (readUint32(segment, at + 4) !== 0) writeUint32(segment, at, readUint32(segment, at) + 4);
  }
  return framed([segment]);
}

/** The segment table and the root pointer of a message of one segment. */
const STRUCT_AT = 16;

interface PointerHalves {
  readonly low: number;
  readonly high: number;
}

type Place = (
  root: Uint8Array,
  index: number,
  pointer: PointerHalves,
  target: Uint8Array,
  segments: Uint8Array[],
) => void;

/** Takes the targets of the root's pointers, which an encoder writes one behind the other, out of the first segment. */
function spread(message: Uint8Array, place: Place): Uint8Array {
  const { dataWords, pointers } = shapeOf(message);
  const pointersAt = STRUCT_AT + dataWords * 8;
  const root = message.slice(8, pointersAt + pointers * 8);
  const segments = [root];
  const targets = Array.from({ length: pointers }, (_, index) => {
    const at = pointersAt + index * 8;
    const pointer = { low: readUint32(message, at), high: readUint32(message, at + 4) };
    return { index, pointer, start: at + 8 + (pointer.low >>> 2) * 8 };
  }).filter(({ pointer }) => pointer.high !== 0);
  for (const [order, { index, pointer, start }] of targets.entries()) {
    const target = message.slice(start, targets[order + 1]?.start ?? message.length);
    place(root.subarray(pointersAt - 8), index, pointer, target, segments);
  }
  return framed(segments);
}

/** @param pointers the root's */
function writeFar(pointers: Uint8Array, index: number, segment: number, isDouble: boolean): void {
  writeUint32(pointers, index * 8, isDouble ? 6 : 2);
  writeUint32(pointers, index * 8 + 4, segment);
}

function shapeOf(message: Uint8Array): { dataWords: number; pointers: number } {
  return { dataWords: readUint16(message, 12), pointers: readUint16(message, 14) };
}

function framed(segments: readonly Uint8Array[]): Uint8Array {
  const table = new Uint8Array(Math.ceil((segments.length + 1) / 2) * 8);
  writeUint32(table, 0, segments.length - 1);
  for (const [index, segment] of segments.entries()) writeUint32(table, 4 + index * 4, segment.length / 8);
  return concat(table, ...segments);
}

function nestedFrame(id: StreamId, arm: number): Uint8Array {
  beginFrame(id, arm);
  return writer.message();
}

/** Begins a frame's message. @returns where its root is */
function beginFrame(id: StreamId, arm: number): number {
  const [hiHigh, hiLow, loHigh, loLow] = streamIdWords(id);
  const root = writer.beginMessage(FRAME_LAYOUT.dataWords, FRAME_LAYOUT.pointers);
  for (const [index, word] of [hiLow, hiHigh, loLow, loHigh].entries()) writer.uint32(root + index * 4, word);
  writer.uint16(root + FRAME_LAYOUT.discriminant, arm);
  return root;
}

function wordOf(low: number, high: number): Uint8Array {
  const word = new Uint8Array(8);
  writeUint32(word, 0, low);
  writeUint32(word, 4, high);
  return word;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
