import { isModuleError, type ErrorReport } from '../errors.ts';
import { cutUtf8 } from '../base/text.ts';
import { isErrorLike, textOf } from '../base/thrown.ts';
import { bytesOf } from '../base/typed-array.ts';

/** Larger details are left out: an error frame must fit its worker's ring, or the stream would have no end. */
export const MAX_DETAILS_BYTES = 65_536;

/**
 * What a thrown value says on the wire: the code that it chose, or `handlerFailed` with its message; never a stack.
 *
 * @param maxMessageBytes where the message is cut, in bytes of UTF-8
 */
export function reportOf(thrown: unknown, maxMessageBytes: number): ErrorReport {
  try {
    return readReport(thrown, maxMessageBytes);
  } catch {
    // A getter that throws, a proxy that was revoked: what was thrown can't even be looked at.
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
  // Of another copy of this package, or made by hand: anything may be in it.
  const details = detailsOf(thrown);
  if (details === undefined || details.length === 0) return { code, message };
  if (details.length <= MAX_DETAILS_BYTES) return { code, message, details };
  const note = ` (its ${details.length} bytes of details are over the limit of ${MAX_DETAILS_BYTES} and left out)`;
  return { code, message: cutUtf8(message, maxMessageBytes - note.length) + note };
}

/** @returns `undefined` for what is no bytes, or can't be read: the error's code and message matter more */
function detailsOf(thrown: { readonly details: unknown }): Uint8Array | undefined {
  try {
    return bytesOf(thrown.details);
  } catch {
    return undefined;
  }
}
