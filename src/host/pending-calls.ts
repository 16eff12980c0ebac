import { ModuleError } from '../errors.ts';
import { HandedOut, type Unsettled } from './handed-out.ts';
import { abortReason } from './invocation-options.ts';
import type { LocalEnds } from './local-end.ts';

/** The conditions that end a call although the module has not answered it. */
export interface CallEnds {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds since the epoch; 0 or left out for no deadline. */
  readonly deadlineUnixMs?: number | undefined;
}

interface PendingCall {
  readonly answer: HandedOut<Uint8Array>;
  /** Removes the listener of the signal, and the timer. */
  readonly release: () => void;
}

/** The requests that the module has not answered yet, including those whose promise has already settled here. */
export class PendingCalls {
  readonly #calls = new Map<string, PendingCall>();
  readonly #unsettled: Unsettled;
  readonly #localEnds: LocalEnds;
  #nextNumber = 1;

  constructor(unsettled: Unsettled, localEnds: LocalEnds) {
    this.#unsettled = unsettled;
    this.#localEnds = localEnds;
  }

  /** Makes a request id that was never used on this connection. */
  newRequestId(): string {
    return `r${this.#nextNumber++}`;
  }

  /**
   * Waits for the answer to `requestId`. Resolves with the payload of the response.
   *
   * An abort of the signal rejects at once with `cancelled`. The deadline rejects with `deadlineExceeded` some time after it has
   * passed. The id stays pending, since the answer will still come and must not count as unknown.
   */
  wait(requestId: string, { signal, deadlineUnixMs = 0 }: CallEnds = {}): Promise<Uint8Array> {
    const answer = new HandedOut<Uint8Array>(this.#unsettled);
    const onAbort = (): void => {
      release();
      answer.reject(new ModuleError('cancelled', signal === undefined ? '' : abortReason(signal)));
    };
    const forgetDeadline = this.#localEnds.afterDeadline(deadlineUnixMs, () => {
      release();
      const message = `The module has not answered within ${this.#localEnds.grace} after the deadline.`;
      answer.reject(new ModuleError('deadlineExceeded', message));
    });
    const release = (): void => {
      forgetDeadline();
      signal?.removeEventListener('abort', onAbort);
    };
    this.#calls.set(requestId, { answer, release });
    signal?.addEventListener('abort', onAbort, { once: true });
    return answer.promise;
  }

  /** Settles the call of that id. Returns false if no call of that id is pending. */
  resolve(requestId: string, payload: Uint8Array): boolean {
    const call = this.#take(requestId);
    call?.answer.resolve(payload);
    return call !== undefined;
  }

  /** As {@link resolve}, with an error as the answer. */
  reject(requestId: string, error: ModuleError): boolean {
    const call = this.#take(requestId);
    call?.answer.reject(error);
    return call !== undefined;
  }

  /** Rejects all pending calls, because no answer can come any more. */
  failAll(error: ModuleError): void {
    for (const requestId of [...this.#calls.keys()]) this.reject(requestId, error);
  }

  #take(requestId: string): PendingCall | undefined {
    const call = this.#calls.get(requestId);
    if (call === undefined) return undefined;
    this.#calls.delete(requestId);
    call.release();
    return call;
  }
}
