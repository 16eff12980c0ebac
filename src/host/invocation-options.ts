import { ModuleError } from '../errors.ts';
import type { InvocationContextInit } from '../wire/context.ts';

/** The options of one call: the fields of `InvocationContext`, in the form that is convenient for a caller. */
export interface InvocationOptions {
  /** Entries in the order given; a list of pairs may repeat a key. */
  metadata?: Readonly<Record<string, string>> | Iterable<readonly [key: string, value: string]>;
  /** The moment at which the module must be done: a Date, or milliseconds since the epoch. */
  deadline?: Date | number;
  invocationId?: string;
  /** The authenticated principal, as the host knows it. */
  caller?: string;
  tenant?: string;
  /** W3C Trace Context. */
  traceparent?: string;
  tracestate?: string;
  /** A context to start from. The other options override its fields. */
  context?: InvocationContextInit;
  /**
   * Aborting it cancels a stream. A unary request can't be cancelled on the wire, so aborting only ends the wait for its answer.
   */
  signal?: AbortSignal;
}

const TEXT_FIELDS = ['invocationId', 'caller', 'tenant', 'traceparent', 'tracestate'] as const;

/**
 * Makes the context that goes on the wire.
 *
 * @throws ModuleError `invalidArgument` for a deadline that is not a valid time
 */
export function contextOf(method: string, options: InvocationOptions): InvocationContextInit {
  const context: { -readonly [K in keyof InvocationContextInit]: InvocationContextInit[K] } = {
    ...options.context,
    method,
  };
  for (const field of TEXT_FIELDS) {
    const text = options[field];
    if (text !== undefined) context[field] = text;
  }
  if (options.metadata !== undefined) {
    const { metadata } = options;
    context.metadata = isIterable(metadata) ? [...metadata] : Object.entries(metadata);
  }
  if (options.deadline !== undefined) {
    const unixMs = Math.ceil(Number(options.deadline));
    if (!Number.isSafeInteger(unixMs) || unixMs < 0) {
      throw new ModuleError(
        'invalidArgument',
        `The deadline ${String(options.deadline)} is no point in time.`,
      );
    }
    context.deadlineUnixMs = unixMs;
  }
  return context;
}

function isIterable<T>(value: object): value is Iterable<T> {
  return Symbol.iterator in value;
}

/** The text of an abort reason, for a cancel frame or an error message. */
export function abortReason(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason.message : String(reason);
}
