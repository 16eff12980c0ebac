import { errorCodeFromNumber, errorCodeNumber, type ErrorCode, type ErrorReport } from '../errors.ts';
import { NO_BYTES, padToWord, writeUint16, writeUint32 } from './capnp/bytes.ts';
import type { StructReader } from './capnp/reader.ts';
import { encodeUtf8 } from './capnp/utf8.ts';

/** The fields of an `IpcError` of the wire. */
export interface ErrorFields {
  /** The UInt16 as it came. */
  readonly codeNumber: number;
  /** Its name; `internal` for a number that this version doesn't know. */
  readonly code: ErrorCode;
  readonly message: string;
  /** A copy, the reader's to keep. */
  readonly details: Uint8Array;
}

// IpcError of schema/ipc.capnp: code in bits [0, 16), message pointer 0, details pointer 1.
const DATA_WORDS = 1;
const POINTERS = 2;
const STRUCT_BYTES = (DATA_WORDS + POINTERS) * 8;
const MESSAGE_HEADER_BYTES = 16;

/** The upper half of a pointer to an `IpcError`. */
export const IPC_ERROR_SHAPE = DATA_WORDS | (POINTERS << 16);

/** An error ready to be written: its text is UTF-8 and its size on the wire is known. */
export interface PreparedError {
  readonly code: number;
  readonly message: Uint8Array;
  readonly details: Uint8Array;
  /** Of the struct with what it points to: whole words. */
  readonly bytes: number;
}

/** Encodes the text of `report` and adds up what the struct will take. */
export function prepareIpcError(report: ErrorReport): PreparedError {
  const message = encodeUtf8(report.message);
  const details = report.details ?? NO_BYTES;
  const bytes = STRUCT_BYTES + padToWord(message.length + 1) + padToWord(details.length);
  return { code: errorCodeNumber(report.code), message, details, bytes };
}

/** Writes the struct, the text and the details into zeroed `out` from `at` on. Empty details are left out: a null pointer. */
export function writeIpcError(out: Uint8Array, at: number, error: PreparedError): void {
  const { message, details } = error;
  const textBytes = padToWord(message.length + 1);
  writeUint16(out, at, error.code);
  // List pointers count their words from their own end; 2 is the element size of bytes, and a text counts its NUL.
  writeUint32(out, at + 8, (1 << 2) | 1);
  writeUint32(out, at + 12, ((message.length + 1) << 3) | 2);
  out.set(message, at + STRUCT_BYTES);
  if (details.length === 0) return;
  writeUint32(out, at + 16, ((textBytes / 8) << 2) | 1);
  writeUint32(out, at + 20, (details.length << 3) | 2);
  out.set(details, at + STRUCT_BYTES + textBytes);
}

/** The payload of an `error` envelope: a framed message with an `IpcError` at its root. The message isn't cut here. */
export function encodeIpcError(report: ErrorReport): Uint8Array {
  const error = prepareIpcError(report);
  const out = new Uint8Array(MESSAGE_HEADER_BYTES + error.bytes);
  writeUint32(out, 4, (8 + error.bytes) / 8);
  writeUint32(out, 12, IPC_ERROR_SHAPE);
  writeIpcError(out, MESSAGE_HEADER_BYTES, error);
  return out;
}

/** The `IpcError` in the struct `s`. @throws MalformedError */
export function readIpcError(s: StructReader): ErrorFields {
  const codeNumber = s.uint16(0);
  return {
    codeNumber,
    code: errorCodeFromNumber(codeNumber) ?? 'internal',
    message: s.text(0, 'IpcError.message'),
    details: s.data(1, 'IpcError.details').slice(),
  };
}
