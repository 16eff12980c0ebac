import type { ErrorReport } from '../errors.ts';
import { padToWord, readUint16, readUint32, writeUint16, writeUint32 } from './bytes.ts';
import { readBoundedContext, type InvocationContext } from './context.ts';
import { envelopeHeaderBytes, setPayloadLength, writeEnvelopeHeader } from './envelope.ts';
import {
  IPC_ERROR_SHAPE,
  prepareIpcError,
  readIpcError,
  writeIpcError,
  type ErrorFields,
} from './error-payload.ts';
import { INITIAL_CREDIT, type WireLimits } from './limits.ts';
import { MalformedError } from './malformed.ts';
import { PointerCursor } from './pointer-cursor.ts';
import { StructReader } from './reader.ts';
import { hexEqualsWord, STREAM_ID_LENGTH, streamIdWords, type StreamId } from './stream-id.ts';

export type { ErrorFields } from './error-payload.ts';

/** The arms of `StreamFrame`'s union by their discriminant. */
export const FRAME_ARM = { open: 0, data: 1, credit: 2, close: 3, cancel: 4, error: 5 } as const;

/** What an Open says. */
export interface OpenFields {
  readonly context: InvocationContext;
  /** Bytes that the module may send at first (UInt32). */
  readonly initialCredit: number;
  /** The context as it is on the wire: the struct with everything that it points to, in bytes. */
  readonly contextBytes: number;
}

// StreamFrame of schema/ipc_streaming.capnp: hi and lo in bytes [0, 16) of the data, the discriminant in [16, 18), credit in
// [20, 24); one pointer, which the arms share.
const DISCRIMINANT = 16;
const CREDIT = 20;
const DATA_WORDS = 3;
const POINTERS = 1;

/**
 * Reads the nested messages of `streamFrame` envelopes, one after the other into its own fields. The arms data, credit and close
 * cost no allocation where the message has one segment.
 */
export class FrameDecoder {
  readonly #cursor: PointerCursor;
  /** The discriminant as it came; see {@link FrameDecoder.isKnownArm}. */
  arm = 0;
  /** The stream id as four UInt32, most significant first. */
  id0 = 0;
  id1 = 0;
  id2 = 0;
  id3 = 0;
  /** The payload of `data`: offsets into the bytes that were given to `decode`. Equal for other arms. */
  dataStart = 0;
  dataEnd = 0;
  /** The UInt32 of `credit`; 0 for other arms. */
  credit = 0;

  #rootAt = 0;
  #rootDataBytes = 0;
  #rootPointerCount = 0;
  #rootSegmentStart = 0;
  #rootSegmentEnd = 0;

  constructor(limits: WireLimits) {
    this.#cursor = new PointerCursor(limits);
  }

  /** Whether `arm` is one of {@link FRAME_ARM}. */
  get isKnownArm(): boolean {
    return this.arm <= FRAME_ARM.error;
  }

  /**
   * Reads the framed message `bytes[start, end)`, the whole payload of an envelope. Of `data` everything is checked, of the other
   * arms with a pointer its kind and bounds; an unknown arm is no error here.
   *
   * @throws MalformedError; the fields are then of no use
   */
  decode(bytes: Uint8Array, start: number, end: number): void {
    const cursor = this.#cursor;
    cursor.open(bytes, start, end);
    cursor.followRoot('StreamFrame');
    const at = cursor.at;
    const dataBytes = cursor.dataBytes;
    this.#rootAt = at;
    this.#rootDataBytes = dataBytes;
    this.#rootPointerCount = cursor.pointerCount;
    this.#rootSegmentStart = cursor.segmentStart;
    this.#rootSegmentEnd = cursor.segmentEnd;
    // Data sections are whole words here, and one that ends early has defaults behind its end.
    this.id1 = dataBytes > 0 ? readUint32(bytes, at) : 0;
    this.id0 = dataBytes > 0 ? readUint32(bytes, at + 4) : 0;
    this.id3 = dataBytes > 8 ? readUint32(bytes, at + 8) : 0;
    this.id2 = dataBytes > 8 ? readUint32(bytes, at + 12) : 0;
    this.arm = dataBytes > DISCRIMINANT ? readUint16(bytes, at + DISCRIMINANT) : 0;
    this.dataStart = this.dataEnd = end;
    this.credit = 0;
    if (this.arm === FRAME_ARM.credit) {
      this.credit = readUint32(bytes, at + CREDIT);
    } else if (cursor.pointerCount > 0) {
      this.#checkPointer(at + dataBytes);
    }
  }

  /** Whether the 32 digits from `bytes[textStart]` on, an envelope's requestId, say the id of this frame. Allocates nothing. */
  idMatches(bytes: Uint8Array, textStart: number): boolean {
    return (
      hexEqualsWord(bytes, textStart, this.id0) &&
      hexEqualsWord(bytes, textStart + 8, this.id1) &&
      hexEqualsWord(bytes, textStart + 16, this.id2) &&
      hexEqualsWord(bytes, textStart + 24, this.id3)
    );
  }

  /** The reason of a `cancel`. @throws MalformedError */
  cancelReason(): string {
    return this.#rootOf(FRAME_ARM.cancel, 'StreamFrame.cancel').text(0, 'StreamFrame.cancel');
  }

  /**
   * What an `open` says.
   *
   * @param maxContextBytes a larger context is measured and not built, see {@link readBoundedContext}
   * @throws MalformedError
   */
  open(maxContextBytes: number = this.#cursor.limits.maxMessageBytes): OpenFields {
    const open = this.#rootOf(FRAME_ARM.open, 'StreamFrame.open').struct(0, 'StreamFrame.open');
    const { context, contextBytes } = readBoundedContext(open.struct(0, 'Open.context'), maxContextBytes);
    // On the wire a field is XORed with its default, so that a default is all zeroes.
    return { context, initialCredit: (open.uint32(0) ^ INITIAL_CREDIT) >>> 0, contextBytes };
  }

  /** What an `error` says. @throws MalformedError */
  error(): ErrorFields {
    return readIpcError(this.#rootOf(FRAME_ARM.error, 'StreamFrame.error').struct(0, 'StreamFrame.error'));
  }

  #checkPointer(pointerAt: number): void {
    const cursor = this.#cursor;
    const start = this.#rootSegmentStart;
    const end = this.#rootSegmentEnd;
    switch (this.arm) {
      case FRAME_ARM.data:
        if (cursor.followBytes(pointerAt, start, end, 'StreamFrame.data')) {
          this.dataStart = cursor.at;
          this.dataEnd = cursor.at + cursor.elementCount;
        }
        return;
      case FRAME_ARM.cancel:
        cursor.followText(pointerAt, start, end, 'StreamFrame.cancel');
        return;
      case FRAME_ARM.open:
      case FRAME_ARM.error:
        cursor.followStruct(pointerAt, start, end, cursor.limits.maxNesting - 1, 'StreamFrame.open or error');
        return;
      default:
        // Close has no value, credit is no pointer, and of an unknown arm nothing is known.
        return;
    }
  }

  #rootOf(arm: number, field: string): StructReader {
    if (this.arm !== arm) throw new MalformedError('union-arm', field, `the frame has arm ${this.arm}`);
    return new StructReader(
      this.#cursor,
      this.#rootAt,
      this.#rootDataBytes,
      this.#rootPointerCount,
      this.#cursor.limits.maxNesting - 1,
      this.#rootSegmentStart,
      this.#rootSegmentEnd,
    );
  }
}

// A frame on the wire, one segment each in the envelope and in the nested message: the envelope up to its payload, then table 8,
// root pointer 8, data 24, pointer 8, and what the pointer leads to.
const ENVELOPE_BYTES = envelopeHeaderBytes(STREAM_ID_LENGTH);
const FRAME_BYTES = 16 + (DATA_WORDS + POINTERS) * 8;
const HEADER_BYTES = ENVELOPE_BYTES + FRAME_BYTES;
const STRUCT_AT = ENVELOPE_BYTES + 16;
const POINTER_AT = STRUCT_AT + DATA_WORDS * 8;

const utf8 = new TextEncoder();

/** Writes the frames of one stream as whole envelopes, ready for the wire. The id is written once. */
export class FrameEncoder {
  /** Bytes ahead of the payload in a Data message: envelope 80, nested frame 48. */
  static readonly DATA_HEADER_BYTES = HEADER_BYTES;
  /** The envelope's part of it. */
  static readonly ENVELOPE_BYTES = ENVELOPE_BYTES;

  /** The header of a Data message; only its lengths change. */
  readonly #header = new Uint8Array(HEADER_BYTES);
  /** The payload's length that the header says; -1: none yet. */
  #payloadLength = -1;

  constructor(id: StreamId) {
    const header = this.#header;
    const [hiHigh, hiLow, loHigh, loLow] = streamIdWords(id);
    writeEnvelopeHeader(header, 'streamFrame', utf8.encode(id));
    writeUint16(header, ENVELOPE_BYTES + 12, DATA_WORDS);
    writeUint16(header, ENVELOPE_BYTES + 14, POINTERS);
    writeUint32(header, STRUCT_AT, hiLow);
    writeUint32(header, STRUCT_AT + 4, hiHigh);
    writeUint32(header, STRUCT_AT + 8, loLow);
    writeUint32(header, STRUCT_AT + 12, loHigh);
    writeUint16(header, STRUCT_AT + DISCRIMINANT, FRAME_ARM.data);
    // A list right behind its pointer.
    writeUint32(header, POINTER_AT, 1);
  }

  /** Bytes of a Data message with that much payload. */
  static dataMessageBytes(payloadLength: number): number {
    return HEADER_BYTES + padToWord(payloadLength);
  }

  /**
   * What goes ahead of a payload; behind it go zeroes up to a whole word of 8.
   *
   * @returns the encoder's own 128 bytes, valid until the next call of any of its methods
   * @throws RangeError for a payload that no list pointer can describe
   */
  dataHeader(payloadLength: number): Uint8Array {
    const header = this.#header;
    // Frames of a stream often have one size.
    if (payloadLength === this.#payloadLength) return header;
    setLengths(header, padToWord(payloadLength));
    writeUint32(header, POINTER_AT + 4, (payloadLength << 3) | 2);
    this.#payloadLength = payloadLength;
    return header;
  }

  /** A Data message with a copy of `payload`. */
  data(payload: Uint8Array): Uint8Array {
    const out = new Uint8Array(FrameEncoder.dataMessageBytes(payload.length));
    out.set(this.dataHeader(payload.length));
    out.set(payload, HEADER_BYTES);
    return out;
  }

  close(): Uint8Array {
    return this.#frame(FRAME_ARM.close, 0);
  }

  /** @param bytes UInt32 */
  credit(bytes: number): Uint8Array {
    const out = this.#frame(FRAME_ARM.credit, 0);
    writeUint32(out, STRUCT_AT + CREDIT, bytes);
    return out;
  }

  cancel(reason: string): Uint8Array {
    const text = utf8.encode(reason);
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
    const out = new Uint8Array(HEADER_BYTES + bodyBytes);
    out.set(this.#header.subarray(0, POINTER_AT));
    writeUint16(out, STRUCT_AT + DISCRIMINANT, arm);
    setLengths(out, bodyBytes);
    return out;
  }
}

/** Writes the lengths of the envelope and of the nested message around a body of `bodyBytes`, whole words. */
function setLengths(out: Uint8Array, bodyBytes: number): void {
  setPayloadLength(out, ENVELOPE_BYTES, FRAME_BYTES + bodyBytes);
  writeUint32(out, ENVELOPE_BYTES + 4, (FRAME_BYTES - 8 + bodyBytes) / 8);
}
