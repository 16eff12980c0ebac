/**
 * The error codes of the wire, and the one error class that carries them.
 *
 * A code's position in {@link ERROR_CODES} is its number in `ErrorCode` of `schema/ipc.capnp`; hosts in other
 * languages compile against those numbers, so the order is fixed and codes are only ever appended.
 */
export const ERROR_CODES = [
  'internal',
  'cancelled',
  'deadlineExceeded',
  'streamingUnsupported',
  'methodNotFound',
  'invalidArgument',
  'handlerFailed',
  'resourceExhausted',
  'workerCrashed',
  'unavailable',
  'protocolViolation',
  'flowControlViolation',
  'unimplemented',
] as const;

/** The name of an error code, as the schema spells it. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const numberByCode: ReadonlyMap<string, number> = new Map(ERROR_CODES.map((code, number) => [code, number]));

/** The number of `code` on the wire (UInt16). */
export function errorCodeNumber(code: ErrorCode): number {
  return ERROR_CODES.indexOf(code);
}

/** The code with that number; `undefined` if this version doesn't know the number. */
export function errorCodeFromNumber(value: number): ErrorCode | undefined {
  return ERROR_CODES[value];
}

/** Whether `text` names an error code. */
function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && numberByCode.has(text);
}

export interface ModuleErrorOptions extends ErrorOptions {
  /** Bytes for the host, opaque to the protocol: `IpcError.details`. */
  details?: Uint8Array;
  /** See {@link ModuleError.started}. */
  started?: boolean;
  /** See {@link ModuleError.method}. */
  method?: string;
  /** See {@link ModuleError.invocationId}. */
  invocationId?: string;
}

/**
 * An error that chooses its code on the wire. Handlers throw it; the host kit rejects with it.
 *
 * Anything else that a handler throws goes out as `handlerFailed` with its message. A stack never leaves the process.
 */
export class ModuleError extends Error {
  override readonly name: string = 'ModuleError';
  readonly code: ErrorCode;
  readonly details: Uint8Array;
  /**
   * Set only on an error that says that the module is gone: whether the call may have begun there. A call with `false` can safely
   * be tried on another module, because no handler has seen it. Every other error leaves it out.
   */
  declare readonly started?: boolean;
  /** The method that was called. Set only on an error of a call of a typed client. */
  declare readonly method?: string;
  /** The invocation id of that call, which the module's log has, too. */
  declare readonly invocationId?: string;

  /**
   * @param code one of {@link ERROR_CODES}
   * @param message what happened, for a person; on the wire it is cut to the limit `error message out` (4 KiB of UTF-8)
   */
  constructor(code: ErrorCode, message: string, options: ModuleErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? new Uint8Array(0);
    if (options.started !== undefined) this.started = options.started;
    if (options.method !== undefined) this.method = options.method;
    if (options.invocationId !== undefined) this.invocationId = options.invocationId;
  }

  /**
   * Makes `instanceof` true also for an error of another copy of this class: a worker and the host kit may each have their own
   * copy.
   */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    if (isBaseClass(this) && isModuleError(value)) return true;
    return Function.prototype[Symbol.hasInstance].call(this as () => unknown, value);
  }
}

/** Outside the class on purpose: esbuild renames a class that refers to itself, and stacks would begin with that name. */
function isBaseClass(value: unknown): boolean {
  return value === ModuleError;
}

/**
 * Whether a thrown value is a {@link ModuleError}. It is recognised by its name and code and not by its class, since the code that
 * threw it may use its own copy of this package.
 */
export function isModuleError(thrown: unknown): thrown is ModuleError {
  if (typeof thrown !== 'object' || thrown === null) return false;
  const { name, code } = thrown as { name?: unknown; code?: unknown };
  return name === 'ModuleError' && isErrorCode(code);
}

/** The content of an `IpcError` message: the same three fields, without a stack. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Uint8Array;
}
