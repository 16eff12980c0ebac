import type { ModuleError } from '../errors.ts';
import type { Transport } from './transport/transport.ts';

const ignore = (): void => undefined;

/**
 * Counts a session's promises that have not settled, so that the transport keeps the process alive while somebody may wait for one.
 */
export class Unsettled {
  readonly #transport: Pick<Transport, 'ref' | 'unref'>;
  #count = 0;

  constructor(transport: Pick<Transport, 'ref' | 'unref'>) {
    this.#transport = transport;
  }

  add(): void {
    this.#count += 1;
    if (this.#count === 1) this.#transport.ref?.();
  }

  remove(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#transport.unref?.();
  }
}

/**
 * A promise for the host's program. Only the first call of `resolve` or `reject` counts.
 *
 * Its rejection never counts as unhandled, because the program may have lost interest long before the module died.
 */
export class HandedOut<T> {
  readonly promise: Promise<T>;
  readonly #unsettled: Unsettled;
  #resolve: ((value: T) => void) | undefined;
  #reject: ((error: ModuleError) => void) | undefined;

  constructor(unsettled: Unsettled) {
    this.#unsettled = unsettled;
    unsettled.add();
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  resolve(value: T): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#settled();
    resolve(value);
  }

  reject(error: ModuleError): void {
    const reject = this.#reject;
    if (reject === undefined) return;
    this.#settled();
    this.promise.catch(ignore);
    reject(error);
  }

  #settled(): void {
    this.#resolve = this.#reject = undefined;
    this.#unsettled.remove();
  }
}

/** Returns `promise` itself. Its rejection does not count as unhandled, so it ends no process if nobody looks at it. */
export function mayBeIgnored<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}
