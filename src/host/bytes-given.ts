import { bytesAdvice, bytesOf, kindName } from '../base/typed-array.ts';
import { ModuleError } from '../errors.ts';

/**
 * What a caller gave as bytes, which from JavaScript may be anything, as a plain Uint8Array on the same memory.
 *
 * @param what the beginning of a sentence, for a person: `A stream sends bytes`
 * @throws ModuleError `invalidArgument` for what is no bytes, or whose buffer was transferred
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
