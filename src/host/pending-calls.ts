import { ModuleError } from '../errors.ts';
import { abortReason } from './invocation-options.ts';

interface PendingCall {
  resolve(payload: Uint8Array): void;
  reject(error: ModuleError): void;
}

/** The requests that the module still owes an answer. */
export class PendingCalls {
  readonly #calls = new Map<string, PendingCall>();
  #nextNumber = 1;

  /** A request id that was never used on this connection. */
  newRequestId(): string {
    return `r${this.#nextNumber++}`;
  }

  /**
   * Waits for the answer to `requestId`: the payload of the response.
   *
   * An abort of `signal` rejects at once with `cancelled`; the answer is then awaited silently, since it will still come.
   */
  wait(requestId: string, signal?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(new ModuleError('cancelled', signal === undefined ? '' : abortReason(signal)));
      };
      const done = (): void => signal?.removeEventListener('abort', onAbort);
      this.#calls.set(requestId, {
        resolve: (payload) => {
          done();
          resolve(payload);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Settles the call of that id; false when none is pending. */
  resolve(requestId: string, payload: Uint8Array): boolean {
    const call = this.#take(requestId);
    call?.resolve(payload);
    return call !== undefined;
  }

  /** As {@link resolve}, with the failure answer. */
  reject(requestId: string, error: ModuleError): boolean {
    const call = this.#take(requestId);
    call?.reject(error);
    return call !== undefined;
  }

  /** Rejects all that is pending: no answer can come any more. */
  failAll(error: ModuleError): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.reject(error);
  }

  #take(requestId: string): PendingCall | undefined {
    const call = this.#calls.get(requestId);
    if (call !== undefined) this.#calls.delete(requestId);
    return call;
  }
}
