import type { ErrorCode } from '../../errors.ts';
import { cutUtf8 } from '../../base/text.ts';
import { encodeEnvelope } from '../../wire/envelope.ts';
import { encodeIpcError } from '../../wire/error-payload.ts';
import type { Outlet } from './outlet.ts';

/** Main's answers to the host's requests. */
export class Answers {
  readonly #outlet: Pick<Outlet, 'send'>;
  readonly #maxErrorMessageBytes: number;

  /** @param maxErrorMessageBytes limit to which messages of refusals are cut, in bytes of UTF-8 */
  constructor(outlet: Pick<Outlet, 'send'>, maxErrorMessageBytes: number) {
    this.#outlet = outlet;
    this.#maxErrorMessageBytes = maxErrorMessageBytes;
  }

  /** @param payload of `response`, or of `error` where `ok` is false */
  send(requestId: string, ok: boolean, payload: Uint8Array): void {
    this.#outlet.send(encodeEnvelope(ok ? 'response' : 'error', requestId, payload), true);
  }

  refuse(requestId: string, code: ErrorCode, message: string): void {
    const cut = cutUtf8(message, this.#maxErrorMessageBytes);
    this.send(requestId, false, encodeIpcError({ code, message: cut }));
  }
}
