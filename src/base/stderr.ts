import { writeSync } from 'node:fs';
import { stderrDescriptor } from './stderr-descriptor.ts';

/** The longest log line on standard error, in bytes. A longer line is cut. */
export const MAX_LINE_BYTES = 16_384;

/**
 * Writes text straight to standard error, from any thread, with one attempt. If the descriptor is full, the text is dropped, since
 * neither main nor a handler may wait for a host that doesn't read its module's logs.
 *
 * @returns whether all of it was written
 */
export function tryWriteStderr(text: string | Uint8Array): boolean {
  let bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  if (bytes.length > MAX_LINE_BYTES) bytes = bytes.subarray(0, MAX_LINE_BYTES);
  if (bytes.length === 0) return true;
  try {
    return writeSync(stderrDescriptor(), bytes) === bytes.length;
  } catch {
    // EAGAIN: it is full. EPIPE, EBADF: nobody will ever read it. In each case only the line is lost.
    return false;
  }
}

/**
 * Writes one line of the runner itself, for a person. Control characters are escaped, so that the text stays one line.
 *
 * @returns whether all of it was written
 */
export function logLine(text: string): boolean {
  return tryWriteStderr(`ixt-module: ${escapeControls(text)}\n`);
}

/** Replaces control characters, line ends and lone surrogates by visible escapes, so that they have no effect. */
export function escapeControls(text: string): string {
  return text.replace(
    // eslint-disable-next-line no-control-regex -- control characters are what is escaped here
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
