import type { InvocationContext } from '../wire/context.ts';

/**
 * What a handler holds: its input, its output, and what the host wants of it.
 *
 * Both iterables read the same input. The synchronous one blocks the worker thread, never the process; the host's
 * frames, cancels and other streams go on. A received chunk is the handler's to keep.
 */
export interface ServerStream extends Iterable<Uint8Array>, AsyncIterable<Uint8Array> {
  /** Who calls, what for, and the metadata. Prints redacted; `revealContext` gives one that doesn't. */
  readonly context: InvocationContext;

  /**
   * Sends the bytes of one chunk once the host has given credit: as one Data frame, or where it has more than 1 MiB as several, with
   * no other send of this stream between them.
   *
   * Sends that a handler doesn't await go out in order all the same: when it has returned, the stream closes only behind them, as the
   * host gives credit.
   *
   * @param payload also a DataView, an ArrayBuffer or a Uint8Array of another realm; its buffer may be used again once the promise has
   *   settled
   * @throws ModuleError `handlerFailed` for what is no bytes; the cause's code once the stream is cancelled, past its deadline, or
   *   ended
   */
  send(payload: Uint8Array): Promise<void>;

  /**
   * As {@link send}, blocking the worker thread until all of it is on its way.
   *
   * @throws ModuleError as {@link send}; also `handlerFailed` while a `send` that was not awaited waits: it would overtake that
   */
  sendSync(payload: Uint8Array): void;

  /** Whether the stream has been cancelled, is past its deadline, or broken. One atomic load: fit for tight loops. */
  readonly cancelled: boolean;

  /** @throws ModuleError with the cause's code once {@link cancelled}; `unavailable` once the stream has ended otherwise */
  throwIfCancelled(): void;

  /** Aborts with a {@link ModuleError} as reason when the stream is cancelled; never on normal completion. */
  readonly signal: AbortSignal;

  /** When the host's patience ends; `undefined`: never. */
  readonly deadline: Date | undefined;

  /** The input as a Web Stream; to be used instead of the iterables. */
  readonly readable: ReadableStream<Uint8Array>;

  /** The output as a Web Stream; closing it does not end the handler. */
  readonly writable: WritableStream<Uint8Array>;

  /** JSON lines on standard error, dropped rather than waited for. */
  readonly log: StreamLog;

  /** Requests back to the host, in the name of this stream's invocation. */
  readonly services: Services;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** @param fields further JSON values of the line */
export type StreamLog = Readonly<
  Record<LogLevel, (message: string, fields?: Record<string, unknown>) => void>
>;

export interface Services {
  /**
   * Asks the host.
   *
   * @param body at most what fits a message (16 MiB by default) with its envelope; it is copied
   * @throws ModuleError with the host's code and message; uncaught, it ends the stream with that code. `handlerFailed` for what no
   *   message can carry, `resourceExhausted` for a request over the message limit or while 1,024 of this worker, or of all workers
   *   together, wait for the host; the cause's code once the stream is cancelled or past its deadline, `unavailable` if
   *   it ends before the answer
   */
  request(service: string, method: string, body: Uint8Array): Promise<Uint8Array>;

  /** As {@link request}, blocking the worker thread until the answer is here. */
  requestSync(service: string, method: string, body: Uint8Array): Uint8Array;
}

/** A unary request's view: {@link ServerStream} without the stream. */
export interface UnaryRequest {
  readonly context: InvocationContext;
  readonly body: Uint8Array;
  readonly cancelled: boolean;
  throwIfCancelled(): void;
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
  readonly log: StreamLog;
  readonly services: Services;
}
