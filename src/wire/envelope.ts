import { padToWord, readUint16, writeUint16, writeUint32 } from './capnp/bytes.ts';
import { MAX_REQUEST_ID_BYTES } from './flow-limits.ts';
import { MESSAGE_TYPE, type MessageType } from './message-type.ts';
import { PointerCursor } from './capnp/pointer-cursor.ts';
import { viewOf } from './capnp/reader.ts';
import { decodeUtf8 } from './capnp/utf8.ts';
import type { WireLimits } from './capnp/limits.ts';

/** The payload of a message that has none. */
export const EMPTY_PAYLOAD: Uint8Array = new Uint8Array(0);

// IpcEnvelope of schema/ipc.capnp: messageType in bits [0, 16), requestId pointer 0, payload pointer 1. The encoder writes one
// segment in the order of the fields, as the C++ builder does: table 8, root pointer 8, data 8, pointers 16, requestId, payload.
/** Where the requestId of an envelope starts. */
export const TEXT_AT = 40;
const MAX_LIST_BYTES = 0x1fff_ffff;

const utf8 = new TextEncoder();

/** Reads envelopes, one after the other into its own fields; a message of one segment costs no allocation. */
export class EnvelopeDecoder {
  readonly #cursor: PointerCursor;
  /** The bytes that were given to `decode`; the offsets below are into them. */
  bytes: Uint8Array = EMPTY_PAYLOAD;
  /** The UInt16 as it came, whether or not it is a known type. */
  typeNumber = 0;
  /** The bytes of requestId, without the NUL. May be none: which types allow that is the caller's to judge. */
  requestIdStart = 0;
  requestIdEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;

  constructor(limits: WireLimits) {
    this.#cursor = new PointerCursor(limits);
  }

  /**
   * Reads the framed message `bytes[start, end)` and checks all of it that the fields need.
   *
   * @throws MalformedError; the fields are then of no use
   */
  decode(bytes: Uint8Array, start: number, end: number): void {
    const cursor = this.#cursor;
    cursor.open(bytes, start, end);
    cursor.followRoot('IpcEnvelope');
    const { segmentStart, segmentEnd, pointerCount, dataBytes } = cursor;
    const pointersAt = cursor.at + dataBytes;
    this.bytes = bytes;
    this.typeNumber = dataBytes >= 2 ? readUint16(bytes, cursor.at) : 0;
    this.requestIdStart = this.requestIdEnd = this.payloadStart = this.payloadEnd = end;
    if (
      pointerCount > 0 &&
      cursor.followText(pointersAt, segmentStart, segmentEnd, 'IpcEnvelope.requestId')
    ) {
      this.requestIdStart = cursor.at;
      this.requestIdEnd = cursor.at + cursor.elementCount;
      this.#checkRequestId();
    }
    if (
      pointerCount > 1 &&
      cursor.followBytes(pointersAt + 8, segmentStart, segmentEnd, 'IpcEnvelope.payload')
    ) {
      this.payloadStart = cursor.at;
      this.payloadEnd = cursor.at + cursor.elementCount;
    }
  }

  /** The requestId as text; a string per call. */
  requestId(): string {
    return decodeUtf8(this.bytes, this.requestIdStart, this.requestIdEnd, 'IpcEnvelope.requestId');
  }

  /** The payload as a view on `bytes`. */
  payload(): Uint8Array {
    return viewOf(this.bytes, this.payloadStart, this.payloadEnd);
  }

  #checkRequestId(): void {
    const bytes = this.bytes;
    const start = this.requestIdStart;
    const end = this.requestIdEnd;
    if (end - start > MAX_REQUEST_ID_BYTES) {
      this.#cursor.fail('request-id', start, 'IpcEnvelope.requestId', `it has ${end - start} bytes`);
    }
    let seen = 0;
    for (let i = start; i < end; i += 1) seen |= bytes[i]!;
    if (seen >= 0x80) decodeUtf8(bytes, start, end, 'IpcEnvelope.requestId');
  }
}

/**
 * A whole framed message of one segment, in one allocation of its exact size.
 *
 * @param payload a nested framed message, or {@link EMPTY_PAYLOAD}; copied
 * @throws RangeError for a requestId of more than 256 bytes, which no receiver takes
 */
export function encodeEnvelope(type: MessageType, requestId: string, payload: Uint8Array): Uint8Array {
  const id = utf8.encode(requestId);
  if (id.length > MAX_REQUEST_ID_BYTES) throw new RangeError(`a requestId of ${id.length} bytes is too long`);
  const headerBytes = envelopeHeaderBytes(id.length);
  const out = new Uint8Array(headerBytes + padToWord(payload.length));
  writeEnvelopeHeader(out, type, id);
  setPayloadLength(out, headerBytes, payload.length);
  out.set(payload, headerBytes);
  return out;
}

/** Bytes of an envelope ahead of its payload, for a requestId of that many bytes. */
export function envelopeHeaderBytes(requestIdBytes: number): number {
  return TEXT_AT + padToWord(requestIdBytes + 1);
}

/** Writes all of an envelope ahead of its payload into zeroed `out`, but for the lengths: {@link setPayloadLength}. */
export function writeEnvelopeHeader(out: Uint8Array, type: MessageType, requestId: Uint8Array): void {
  const textWords = padToWord(requestId.length + 1) / 8;
  // Root pointer: the struct follows, 1 word of data, 2 pointers.
  writeUint16(out, 12, 1);
  writeUint16(out, 14, 2);
  writeUint16(out, 16, MESSAGE_TYPE[type]);
  // List pointers count their words from their own end; 2 is the element size of bytes, and a text counts its NUL.
  writeUint32(out, 24, (1 << 2) | 1);
  writeUint32(out, 28, ((requestId.length + 1) << 3) | 2);
  writeUint32(out, 32, (textWords << 2) | 1);
  out.set(requestId, TEXT_AT);
}

/**
 * Writes the two places of an envelope that depend on the payload's length.
 *
 * @param headerBytes as {@link envelopeHeaderBytes} has it
 * @throws RangeError for a payload that no list pointer can describe (2^29 bytes)
 */
export function setPayloadLength(out: Uint8Array, headerBytes: number, length: number): void {
  if (length > MAX_LIST_BYTES) throw new RangeError(`a payload of ${length} bytes is too long`);
  writeUint32(out, 4, (headerBytes - 8 + padToWord(length)) / 8);
  writeUint32(out, 36, (length << 3) | 2);
}
