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

/** The code with that number; `undefined` for one that this version doesn't know. */
export function errorCodeFromNumber(value: number): ErrorCode | undefined {
  return ERROR_CODES[value];
}

/** Whether `text` names an error code. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && numberByCode.has(text);
}

export interface ModuleErrorOptions extends ErrorOptions {
  /** Bytes for the host, opaque to the protocol: `IpcError.details`. */
  details?: Uint8Array;
  /** See {@link ModuleError.started}. */
  started?: boolean;
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
   * Where the module is gone: whether the call may have begun there. Only one that had not (`false`) may be tried elsewhere without
   * a thought. Left out by every other error.
   */
  declare readonly started?: boolean;

  /**
   * @param code one of {@link ERROR_CODES}
   * @param message what happened, for a person; cut to the limit `error message out` (4 KiB) on the wire
   */
  constructor(code: ErrorCode, message: string, options: ModuleErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? new Uint8Array(0);
    if (options.started !== undefined) this.started = options.started;
  }

  /** What a worker or the host kit throws is of another copy of this class, and `instanceof` knows it all the same. */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    if (isBaseClass(this) && isModuleError(value)) return true;
    return Function.prototype[Symbol.hasInstance].call(this as () => unknown, value);
  }
}

/** Asked from outside the class: one that names itself gets another name from the bundler, and its stacks begin with that. */
function isBaseClass(value: unknown): boolean {
  return value === ModuleError;
}

/**
 * Whether something thrown is a {@link ModuleError}: known by its name and code, not by its class, since whoever throws may carry
 * a copy of this package of its own.
 */
export function isModuleError(thrown: unknown): thrown is ModuleError {
  if (typeof thrown !== 'object' || thrown === null) return false;
  const { name, code } = thrown as { name?: unknown; code?: unknown };
  return name === 'ModuleError' && isErrorCode(code);
}

/** What `IpcError` says: the same three fields, without a stack. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Uint8Array;
}
