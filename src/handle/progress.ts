import { ModuleError } from '../errors.ts';
import { bytesOf, kindName } from '../base/typed-array.ts';
import { MAX_PROGRESS_BYTES } from '../wire/flow-limits.ts';

/** Makes the bytes of a progress value. */
export interface ProgressCodec {
  encode(value: unknown): Uint8Array;
}

const utf8 = new TextEncoder();

/**
 * The bytes of a progress value: those that `codec` makes, or without one JSON, and bytes as they are.
 *
 * @throws ModuleError `invalidArgument` for a value that takes more than 4,096 bytes, or that can't be encoded
 */
export function encodeProgress(value: unknown, codec: ProgressCodec | undefined): Uint8Array {
  const bytes = codec === undefined ? toJson(value) : encodeBy(codec, value);
  if (bytes.length <= MAX_PROGRESS_BYTES) return bytes;
  throw invalid(`it takes ${bytes.length} bytes, the limit is ${MAX_PROGRESS_BYTES}`);
}

function toJson(value: unknown): Uint8Array {
  const bytes = bytesOf(value);
  if (bytes !== undefined) return bytes;
  let text: unknown;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw invalid(`it is no JSON: ${String(cause)}`);
  }
  if (typeof text !== 'string') throw invalid(`it is ${kindName(value)}, which JSON does not have`);
  return utf8.encode(text);
}

function encodeBy(codec: ProgressCodec, value: unknown): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = bytesOf(codec.encode(value));
  } catch (cause) {
    throw invalid(`its codec refuses it: ${String(cause)}`);
  }
  if (bytes === undefined) throw invalid('its codec gives no bytes');
  return bytes;
}

function invalid(why: string): ModuleError {
  return new ModuleError('invalidArgument', `a progress value can't be sent: ${why}`);
}
