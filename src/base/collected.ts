import { ModuleError, type ErrorCode } from '../errors.ts';

/** The bytes of all chunks together. A single chunk is not copied. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const [first, second] = chunks;
  if (first !== undefined && second === undefined) return first;
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Reads one direction of a stream to its end, at once as a list or as one value. */
export interface Collected {
  /** All chunks, in order. */
  collect(): Promise<Uint8Array[]>;
  /** The bytes of all chunks together. */
  bytes(): Promise<Uint8Array>;
  /** All bytes as UTF-8 text. Bytes that are none reject with the code of the side that sent them. */
  text(): Promise<string>;
  /** All bytes as one JSON value, unchecked. Bytes that are none reject with the code of the side that sent them. */
  json(): Promise<unknown>;
}

export async function collectChunks(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const list: Uint8Array[] = [];
  for await (const chunk of chunks) list.push(chunk);
  return list;
}

/** @param code for bytes that are no UTF-8: it says whose mistake they are */
export async function collectText(chunks: AsyncIterable<Uint8Array>, code: ErrorCode): Promise<string> {
  const bytes = concat(await collectChunks(chunks));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModuleError(code, `${bytes.length} bytes that are no UTF-8 text`, { cause });
  }
}

/** @param code for bytes that are no JSON: it says whose mistake they are */
export async function collectJson(chunks: AsyncIterable<Uint8Array>, code: ErrorCode): Promise<unknown> {
  const source = await collectText(chunks, code);
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new ModuleError(code, `${source.length} characters that are no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}
