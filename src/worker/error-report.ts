import { isModuleError, type ErrorReport } from '../errors.ts';
import { cutUtf8 } from '../base/text.ts';
import { isErrorLike, textOf } from '../base/thrown.ts';
import { bytesOf } from '../base/typed-array.ts';

/**
 * Details of more bytes than this are left out, because an error frame must fit its worker's ring; otherwise the stream would never
 * end.
 */
export const MAX_DETAILS_BYTES = 65_536;

/**
 * The error report for a thrown value: the code that a ModuleError chose, or `handlerFailed` with the value's message. It never
 * holds a stack.
 *
 * @param maxMessageBytes limit to which the message is cut, in bytes of UTF-8
 */
export function reportOf(thrown: unknown, maxMessageBytes: number): ErrorReport {
  try {
    return readReport(thrown, maxMessageBytes);
  } catch {
    // The value can't even be read: a getter throws, or it is a revoked proxy.
    return { code: 'handlerFailed', message: 'the handler threw a value that can’t be read' };
  }
}

function readReport(thrown: unknown, maxMessageBytes: number): ErrorReport {
  if (!isErrorLike(thrown)) {
    return {
      code: 'handlerFailed',
      message: cutUtf8(`the handler threw ${textOf(thrown)}`, maxMessageBytes),
    };
  }
  const message = cutUtf8(textOf(thrown), maxMessageBytes);
  if (!isModuleError(thrown)) return { code: 'handlerFailed', message };
  const { code } = thrown;
  // The error may be of another copy of this package or made by hand, so its details may be any value.
  const details = detailsOf(thrown);
  if (details === undefined || details.length === 0) return { code, message };
  if (details.length <= MAX_DETAILS_BYTES) return { code, message, details };
  const note = ` (its ${details.length} bytes of details are over the limit of ${MAX_DETAILS_BYTES} and left out)`;
  return { code, message: cutUtf8(message, maxMessageBytes - note.length) + note };
}

/** @returns `undefined` if the details are no bytes or can't be read, because the error's code and message matter more */
function detailsOf(thrown: { readonly details: unknown }): Uint8Array | undefined {
  try {
    return bytesOf(thrown.details);
  } catch {
    return undefined;
  }
}
