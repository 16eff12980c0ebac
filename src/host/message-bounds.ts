import { ModuleError } from '../errors.ts';
import { MAX_REQUEST_ID_BYTES } from '../wire/flow-limits.ts';

/** Error messages and reasons, which are for a person, are cut to so many bytes of UTF-8 (the contract's `error message out`). */
export const MAX_ERROR_TEXT_BYTES = 4_096;

/**
 * An upper bound for the bytes that any message has around its longest field: envelope, request id, nested table and the smaller
 * fields.
 */
export const ENVELOPE_ROOM = MAX_REQUEST_ID_BYTES + 512;

/**
 * Refuses messages over the module's limit, because the module would end the connection over such a message, and every other call
 * with it.
 */
export class MessageBounds {
  readonly #maxMessageBytes: number;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Checks one field before it is copied into a message.
   *
   * @param what the name of the field, for the beginning of a sentence
   * @throws ModuleError `invalidArgument` if no message could hold it
   */
  checkField(what: string, bytes: number): void {
    const most = this.#maxMessageBytes - ENVELOPE_ROOM;
    if (bytes > most) {
      throw new ModuleError(
        'invalidArgument',
        `${what} has ${bytes} bytes; one message holds ${most} at most.`,
      );
    }
  }

  /** Checks a whole message. @throws ModuleError `invalidArgument` */
  checkMessage(what: string, message: Uint8Array): void {
    if (message.length > this.#maxMessageBytes) {
      const text = `${what} makes a message of ${message.length} bytes; ${this.#maxMessageBytes} is the most.`;
      throw new ModuleError('invalidArgument', text);
    }
  }
}
