import { ModuleError } from '../errors.ts';
import { MAX_REQUEST_ID_BYTES } from '../wire/flow-limits.ts';

/** Texts for a person, in error messages and reasons, are cut to this (the contract's `error message out`). */
export const MAX_ERROR_TEXT_BYTES = 4_096;

/** More than what any message has around its longest field: envelope, request id, nested table and the smaller fields. */
export const ENVELOPE_ROOM = MAX_REQUEST_ID_BYTES + 512;

/** The module ends the connection over a longer message, and with it every other call: so it is refused here. */
export class MessageBounds {
  readonly #maxMessageBytes: number;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Checks one field before it is copied into a message.
   *
   * @param what names the field, at the beginning of a sentence
   * @throws ModuleError `invalidArgument` where no message could hold it
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
