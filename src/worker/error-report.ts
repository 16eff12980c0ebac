import { isErrorCode, type ErrorReport } from '../errors.ts';

/**
 * What a thrown value says on the wire: the code that it chose, or `handlerFailed` with its message; never a stack.
 *
 * A `ModuleError` is known by its name and code, not by its class: a module may carry its own copy of this package.
 *
 * @param maxMessageBytes where the message is cut, in bytes of UTF-8
 */
export function reportOf(thrown: unknown, maxMessageBytes: number): ErrorReport {
  if (thrown instanceof Error || isErrorLike(thrown)) {
    const { code, details } = thrown as { code?: unknown; details?: unknown };
    const isModuleError = thrown.name === 'ModuleError' && isErrorCode(code);
    const message = cutUtf8(stringOf(thrown.message), maxMessageBytes);
    if (!isModuleError) return { code: 'handlerFailed', message };
    return details instanceof Uint8Array ? { code, message, details } : { code, message };
  }
  return {
    code: 'handlerFailed',
    message: cutUtf8(`the handler threw ${stringOf(thrown)}`, maxMessageBytes),
  };
}

function isErrorLike(thrown: unknown): thrown is { name: unknown; message: unknown } {
  return typeof thrown === 'object' && thrown !== null && 'name' in thrown && 'message' in thrown;
}

function stringOf(value: unknown): string {
  try {
    return typeof value === 'string' ? value : String(value);
  } catch {
    // An object whose toString throws, or one without a prototype.
    return 'a value that has no text';
  }
}

/** Cuts at a character's boundary, so that the result is valid UTF-8 of at most `maxBytes`. */
export function cutUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const target = new Uint8Array(maxBytes);
  const { read, written } = new TextEncoder().encodeInto(text, target);
  return read === text.length ? text : new TextDecoder().decode(target.subarray(0, written));
}
