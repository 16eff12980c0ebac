import { randomBytes } from 'node:crypto';
import { isModuleError, ModuleError } from '../../errors.ts';

/** In front of the invocation ids of this process, so that the ids of two hosts of one module differ. */
const ID_PREFIX = randomBytes(8).toString('hex');
let lastId = 0;

/** An id for a call that was given none. */
export function newInvocationId(): string {
  return `${ID_PREFIX}-${(++lastId).toString(36)}`;
}

/** The place of one call in the host's program, for its errors. */
export class CallSite {
  readonly method: string;
  readonly invocationId: string;
  readonly #trace: { readonly stack?: string } = {};

  /** @param callee the function that the program has called; the stack begins at its caller */
  constructor(method: string, invocationId: string, callee: (...args: never[]) => unknown) {
    this.method = method;
    this.invocationId = invocationId;
    Error.captureStackTrace(this.#trace, callee);
  }

  /**
   * The error of this call for one that the host kit has thrown, which may be the same object for all calls of a lost connection. An
   * error that is not the kit's is the program's own, and stays as it is.
   */
  errorOf(thrown: unknown): unknown {
    if (!isModuleError(thrown)) return thrown;
    const { method, invocationId } = this;
    const { code, message, details, cause, started } = thrown;
    const error = new ModuleError(code, message, {
      details,
      method,
      invocationId,
      ...(cause === undefined ? {} : { cause }),
      ...(started === undefined ? {} : { started }),
    });
    const frames = this.#trace.stack?.split('\n').slice(1) ?? [];
    error.stack = [`${error.name}: ${message}`, ...frames].join('\n');
    return error;
  }
}
