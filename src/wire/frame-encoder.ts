import type { ErrorReport } from '../errors.ts';
import { padToWord, writeUint16, writeUint32 } from './capnp/bytes.ts';
import { writeInvocationContext, type InvocationContextInit } from './context.ts';
import { envelopeHeaderBytes, setPayloadLength, TEXT_AT, writeEnvelopeHeader } from './envelope.ts';
import { IPC_ERROR_SHAPE, prepareIpcError, writeIpcError } from './error-payload.ts';
import { checkUint32 } from './capnp/field-range.ts';
import { FRAME_ARM, FRAME_LAYOUT } from './frame.ts';
import { INITIAL_CREDIT } from './flow-limits.ts';
import { SCHEMA_DEFAULT } from './schema-defaults.ts';
import { segment, structShape } from './capnp/segment-writer.ts';
import { encodeUtf8 } from './capnp/utf8.ts';
import { STREAM_ID_LENGTH, streamIdWords, writeHexDigits, type IdWords, type StreamId } from './stream-id.ts';

// A frame on the wire, one segment each in the envelope and in the nested message: the envelope up to its payload, then table 8,
// root pointer 8, data 24, pointer 8, and what the pointer leads to.
const { discriminant, credit, dataWords, pointers } = FRAME_LAYOUT;
const ENVELOPE_BYTES = envelopeHeaderBytes(STREAM_ID_LENGTH);
const FRAME_BYTES = 16 + (dataWords + pointers) * 8;
const HEADER_BYTES = ENVELOPE_BYTES + FRAME_BYTES;
const STRUCT_AT = ENVELOPE_BYTES + 16;
const POINTER_AT = STRUCT_AT + dataWords * 8;

// Open: credit in [0, 4) of the data, one pointer to the context.
const OPEN_DATA_WORDS = 1;
const OPEN_POINTERS = 1;

/** Frames up to this size share a slab: an ArrayBuffer of its own costs each more than all else that is done for it. */
const SLAB_FRAME_BYTES = 1_024;
const SLAB_BYTES = 8_192;

/** The bytes that all of a thread's encoders write ahead of a payload: the id and the lengths are those of the last one. */
const header = new Uint8Array(HEADER_BYTES);
const headerView = new DataView(header.buffer);
const aheadOfPointer = header.subarray(0, POINTER_AT);
/** The id that the header says. */
const headerId = new Int32Array(4);
/** The payload's length that it says; -1: none yet. */
let headerPayloadLength = -1;

let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

writeEnvelopeHeader(header, 'streamFrame', new Uint8Array(STREAM_ID_LENGTH).fill(0x30));
writeUint16(header, ENVELOPE_BYTES + 12, dataWords);
writeUint16(header, ENVELOPE_BYTES + 14, pointers);
writeUint16(header, STRUCT_AT + discriminant, FRAME_ARM.data);
// A list right behind its pointer.
writeUint32(header, POINTER_AT, 1);

/** Writes the frames of one stream as whole envelopes, ready for the wire. Holds the id and nothing else. */
export class FrameEncoder {
  /** Bytes ahead of the payload in a Data message: envelope 80, nested frame 48. */
  static readonly DATA_HEADER_BYTES = HEADER_BYTES;
  /** The envelope's part of it. */
  static readonly ENVELOPE_BYTES = ENVELOPE_BYTES;

  readonly #id0: number;
  readonly #id1: number;
  readonly #id2: number;
  readonly #id3: number;

  constructor(id: StreamId | IdWords) {
    if (typeof id === 'string') [this.#id0, this.#id1, this.#id2, this.#id3] = streamIdWords(id);
    else ({ id0: this.#id0, id1: this.#id1, id2: this.#id2, id3: this.#id3 } = id);
  }

  /** Bytes of a Data message with that much payload. */
  static dataMessageBytes(payloadLength: number): number {
    return HEADER_BYTES + padToWord(payloadLength);
  }

  /** Bytes of an Open's frame, without its envelope, whose context holds so many, as this class and the C++ builder lay it out. */
  static openFrameBytes(contextBytes: number): number {
    return FRAME_BYTES + (OPEN_DATA_WORDS + OPEN_POINTERS) * 8 + contextBytes;
  }

  /**
   * The bytes ahead of a payload; behind it go zeroes up to a whole word of 8.
   *
   * @returns 128 bytes that all encoders of the thread share, valid until the next call of any of their methods
   * @throws RangeError for a payload that no list pointer can describe
   */
  dataHeader(payloadLength: number): Uint8Array {
    this.#select();
    // Frames of a stream often have one size.
    if (payloadLength === headerPayloadLength) return header;
    setLengths(header, padToWord(payloadLength));
    writeUint32(header, POINTER_AT + 4, (payloadLength << 3) | 2);
    headerPayloadLength = payloadLength;
    return header;
  }

  /** A Data message with a copy of `payload`. */
  data(payload: Uint8Array): Uint8Array {
    const out = allocate(FrameEncoder.dataMessageBytes(payload.length));
    out.set(this.dataHeader(payload.length));
    out.set(payload, HEADER_BYTES);
    return out;
  }

  /**
   * The first frame of a stream.
   *
   * @param initialCredit bytes that the module may send at first (UInt32)
   * @throws RangeError for a number that its field can't hold
   */
  open(context: InvocationContextInit, initialCredit: number = INITIAL_CREDIT): Uint8Array {
    segment.begin();
    const open = segment.allocate((OPEN_DATA_WORDS + OPEN_POINTERS) * 8);
    // On the wire a field is XORed with its default, so that a default is all zeroes.
    segment.uint32(open, checkUint32(initialCredit, 'Open.initialCredit') ^ SCHEMA_DEFAULT.initialCredit);
    writeInvocationContext(segment, open + OPEN_DATA_WORDS * 8, context);
    const out = this.#frame(FRAME_ARM.open, segment.length);
    writeUint32(out, POINTER_AT + 4, structShape(OPEN_DATA_WORDS, OPEN_POINTERS));
    segment.copyTo(out, HEADER_BYTES);
    return out;
  }

  close(): Uint8Array {
    return this.#frame(FRAME_ARM.close, 0);
  }

  /** @param bytes UInt32 */
  credit(bytes: number): Uint8Array {
    const out = this.#frame(FRAME_ARM.credit, 0);
    writeUint32(out, STRUCT_AT + credit, bytes);
    return out;
  }

  /** How far the call is. @param value at most 4,096 bytes, which the caller has checked; copied */
  progress(value: Uint8Array): Uint8Array {
    const out = this.#frame(FRAME_ARM.progress, padToWord(value.length));
    writeUint32(out, POINTER_AT, 1);
    writeUint32(out, POINTER_AT + 4, (value.length << 3) | 2);
    out.set(value, HEADER_BYTES);
    return out;
  }

  cancel(reason: string): Uint8Array {
    const text = encodeUtf8(reason);
    const out = this.#frame(FRAME_ARM.cancel, padToWord(text.length + 1));
    writeUint32(out, POINTER_AT, 1);
    writeUint32(out, POINTER_AT + 4, ((text.length + 1) << 3) | 2);
    out.set(text, HEADER_BYTES);
    return out;
  }

  /** The message isn't cut here. */
  error(report: ErrorReport): Uint8Array {
    const error = prepareIpcError(report);
    const out = this.#frame(FRAME_ARM.error, error.bytes);
    writeUint32(out, POINTER_AT + 4, IPC_ERROR_SHAPE);
    writeIpcError(out, HEADER_BYTES, error);
    return out;
  }

  /** A frame of `arm` with its pointer null and room for `bodyBytes`, whole words, behind it. */
  #frame(arm: number, bodyBytes: number): Uint8Array {
    this.#select();
    const out = allocate(HEADER_BYTES + bodyBytes);
    out.set(aheadOfPointer);
    writeUint16(out, STRUCT_AT + discriminant, arm);
    setLengths(out, bodyBytes);
    return out;
  }

  /** Puts the id into the header. */
  #select(): void {
    selectWord(0, this.#id0, STRUCT_AT + 4);
    selectWord(1, this.#id1, STRUCT_AT);
    selectWord(2, this.#id2, STRUCT_AT + 12);
    selectWord(3, this.#id3, STRUCT_AT + 8);
  }
}

/** Puts a word of the id into the header, as text and at `structAt`. Streams of a host often differ in one. */
function selectWord(index: number, word: number, structAt: number): void {
  if (headerId[index] === word) return;
  headerId[index] = word;
  writeHexDigits(headerView, TEXT_AT + index * 8, word);
  headerView.setInt32(structAt, word, true);
}

/** Zeroes, written once and never used again. */
function allocate(bytes: number): Uint8Array {
  if (bytes > SLAB_FRAME_BYTES) return new Uint8Array(bytes);
  if (slabUsed + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const out = new Uint8Array(slab, slabUsed, bytes);
  slabUsed += bytes;
  return out;
}

/** Writes the lengths of the envelope and of the nested message around a body of `bodyBytes`, whole words. */
function setLengths(out: Uint8Array, bodyBytes: number): void {
  setPayloadLength(out, ENVELOPE_BYTES, FRAME_BYTES + bodyBytes);
  writeUint32(out, ENVELOPE_BYTES + 4, (FRAME_BYTES - 8 + bodyBytes) / 8);
}

/** The first frame of a stream, for who sends no other. As {@link FrameEncoder.open}. */
export function encodeOpenFrame(
  id: StreamId,
  context: InvocationContextInit,
  initialCredit?: number,
): Uint8Array {
  return new FrameEncoder(id).open(context, initialCredit);
}
