import { ModuleError } from '../../errors.ts';
import { bytesAdvice, bytesOf, kindName } from '../../base/typed-array.ts';
import type { InvocationContext } from '../../wire/context.ts';
import type { Services } from '../../handle/server-stream.ts';
import { textOf } from '../../base/thrown.ts';
import { jobIdAfter } from '../../threads/job-id.ts';

interface Waiter {
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly job: number;
}

type Answer = { readonly body: Uint8Array } | { readonly error: ModuleError };

/**
 * Requests of one thread that may wait for the host at once. It is limited, because a handler that doesn't await must not fill
 * memory.
 */
const MAX_WAITING = 1024;

/** The thread, as the service calls see it: it sends requests, and blocks for their answers. */
export interface ServiceIo {
  /** Sends one service request to main. Throws if a handler gave values that no message can carry. */
  send(sequence: number, service: string, method: string, body: Uint8Array, context: InvocationContext): void;
  /** Tells main that nobody waits for the answer any more. */
  abandon(sequence: number): void;
  /** Blocks the thread until something may have arrived. */
  block(): void;
}

/** The stream or request in whose name a service call is made. */
export interface ServiceCaller {
  readonly job: number;
  readonly context: InvocationContext;
  /** Throws also if the stream or request has ended, because no request may be made in its name any more. */
  throwIfCancelled(): void;
}

/** The thread's requests to the host that are not answered yet, by sequence number. */
export class ServiceCalls {
  readonly #io: ServiceIo;
  readonly #maxMessageBytes: number;
  readonly #waiting = new Map<number, Waiter>();
  /** Answers to blocked requests; `undefined` while the answer has not come. */
  readonly #blocked = new Map<number, Answer | undefined>();
  #sequence: number;

  /** @param lastSequence the first request gets the number that follows */
  constructor(io: ServiceIo, maxMessageBytes: number, lastSequence = 0) {
    this.#io = io;
    this.#maxMessageBytes = maxMessageBytes;
    this.#sequence = lastSequence;
  }

  /** The {@link Services} of one stream or request. */
  for(caller: ServiceCaller): Services {
    return {
      request: async (service, method, body) => {
        caller.throwIfCancelled();
        if (this.#waiting.size >= MAX_WAITING) {
          throw new ModuleError(
            'resourceExhausted',
            `${MAX_WAITING} service requests of this worker wait for the host already`,
          );
        }
        const sequence = this.#send(service, method, body, caller.context);
        // The answer comes by the event loop, so it can't come before this promise waits for it.
        return await new Promise((resolve, reject) => {
          this.#waiting.set(sequence, { resolve, reject, job: caller.job });
        });
      },
      requestSync: (service, method, body) => {
        caller.throwIfCancelled();
        const sequence = this.#send(service, method, body, caller.context);
        this.#blocked.set(sequence, undefined);
        try {
          for (;;) {
            const answer = this.#blocked.get(sequence);
            if (answer !== undefined) {
              if ('error' in answer) throw answer.error;
              return answer.body;
            }
            caller.throwIfCancelled();
            this.#io.block();
          }
        } finally {
          if (this.#blocked.get(sequence) === undefined) this.#io.abandon(sequence);
          this.#blocked.delete(sequence);
        }
      },
    };
  }

  /** The host has answered. Answers that nobody waits for any more are dropped. */
  settle(sequence: number, answer: Answer): void {
    if (this.#blocked.has(sequence)) {
      this.#blocked.set(sequence, answer);
      return;
    }
    const waiter = this.#waiting.get(sequence);
    this.#waiting.delete(sequence);
    if (waiter === undefined) return;
    if ('error' in answer) waiter.reject(answer.error);
    else waiter.resolve(answer.body);
  }

  /** The job is cancelled or over. Its requests fail with the error that `why` makes, and answers that come later are dropped. */
  abandon(job: number, why: () => Error): void {
    for (const [sequence, waiter] of this.#waiting) {
      if (waiter.job !== job) continue;
      this.#waiting.delete(sequence);
      this.#io.abandon(sequence);
      waiter.reject(why());
    }
  }

  /**
   * Sends a request. A body that can't fit a message is refused before it is copied.
   *
   * @returns the request's sequence number
   * @throws ModuleError `handlerFailed` for values that can't be sent, whatever a handler gave; `resourceExhausted` for a request
   *   over the message limit
   */
  #send(service: string, method: string, body: Uint8Array, context: InvocationContext): number {
    const sequence = (this.#sequence = jobIdAfter(this.#sequence));
    const bytes = bodyOf(body);
    const size = bytes.length + lengthOf(service) + lengthOf(method);
    if (size > this.#maxMessageBytes) {
      const message = `a service request of ${size} bytes is over the message limit of ${this.#maxMessageBytes}`;
      throw new ModuleError('resourceExhausted', message);
    }
    try {
      // A copy, because a view would be cloned with its whole buffer.
      this.#io.send(sequence, service, method, bytes.slice(), context);
    } catch (error) {
      throw unsendable(textOf(error));
    }
    return sequence;
  }
}

function bodyOf(given: unknown): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = bytesOf(given);
  } catch (error) {
    throw unsendable(textOf(error));
  }
  if (bytes === undefined)
    throw unsendable(`its body is ${kindName(given)} and no bytes (a Uint8Array)${bytesAdvice(given)}`);
  return bytes;
}

/** The length of a name that a handler gave, in UTF-16 units, which is never more than its bytes of UTF-8; 0 if it is no string. */
function lengthOf(name: unknown): number {
  return typeof name === 'string' ? name.length : 0;
}

function unsendable(why: string): ModuleError {
  return new ModuleError('handlerFailed', `the service request can't be sent: ${why}`);
}
