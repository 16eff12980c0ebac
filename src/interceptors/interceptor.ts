import type { ErrorReport } from '../errors.ts';
import type { InvocationContext, InvocationContextInit } from '../wire/context.ts';

/** One call, as an interceptor sees it where the call is made (`host`) or handled (`module`). */
export interface InterceptedCall {
  readonly side: 'host' | 'module';
  readonly kind: 'stream' | 'handle';
  readonly method: string;
  /** The call's context; on the host without what interceptors add to it. It is not redacted. */
  readonly context: InvocationContextInit;
  /** The stream's id, in the module. */
  readonly id?: string;
  /** When the host's Open came, in ms since the epoch, and how long the stream then waited for a worker, in ms: in the module. */
  readonly openedAt?: number;
  readonly queuedMs?: number;
}

/** The fields that an interceptor of the host may add to a call's context. Pairs of metadata are added to those of the call. */
export type ContextAddition = Partial<
  Pick<InvocationContext, 'caller' | 'tenant' | 'traceparent' | 'tracestate' | 'metadata'>
>;

/**
 * The functions that follow one call. All of them are synchronous, because synchronous handlers can't wait. Payloads are as they go
 * over the wire and are valid during the function only. What a function throws ends the call as an error of the handler's would,
 * except for `end`, whose exception counts as uncaught.
 */
export interface CallHooks {
  /** For a call of the host: what is added to its context. */
  readonly context?: ContextAddition | undefined;
  /**
   * Around the call of the handler, or the opening of the call on the host. It must call `next` once, and give back its result.
   * A context that holds in it (of an AsyncLocalStorage, say) holds in the whole handler, generators too.
   */
  run?<Result>(next: () => Result): Result;
  /** A payload of the input, as it travels: small values of one call may share one. */
  input?(payload: Uint8Array): void;
  /** A payload of the output: as the handler has sent it, or as the host's program takes it. */
  output?(payload: Uint8Array): void;
  /** The call is over. @param error `undefined` if it went well */
  end?(error: ErrorReport | undefined): void;
}

/**
 * Is told of each call, before it begins, and gives back what follows it, or nothing. An exception refuses the call: with the code
 * of a `ModuleError`, or `handlerFailed`.
 */
export type Interceptor = (call: InterceptedCall) => CallHooks | undefined | void;
