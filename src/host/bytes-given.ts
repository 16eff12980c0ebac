import { bytesAdvice, bytesOf, kindName } from '../base/typed-array.ts';
import { ModuleError } from '../errors.ts';

/**
 * The bytes that a caller gave, as a plain Uint8Array on the same memory. From JavaScript a caller may give any value.
 *
 * @param what the beginning of the message, for example `A stream sends bytes`
 * @throws ModuleError `invalidArgument` for a value that is no bytes, or whose buffer was transferred
 */
export function bytesGiven(value: unknown, what: string): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = bytesOf(value);
  } catch (cause) {
    throw new ModuleError('invalidArgument', `${what}, and the buffer of these was transferred.`, { cause });
  }
  if (bytes !== undefined) return bytes;
  throw new ModuleError(
    'invalidArgument',
    `${what} (a Uint8Array), not ${kindName(value)}${bytesAdvice(value)}.`,
  );
}
