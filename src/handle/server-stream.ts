import type { Collected } from '../base/collected.ts';
import type { InvocationContext } from '../wire/context.ts';

/**
 * One stream as its handler sees it: its input, its output, and the context of the call.
 *
 * Both iterables read the same input. The synchronous one blocks the worker thread, never the process: the host's frames, its
 * cancels and the streams of other workers go on. A received chunk belongs to the handler, which may keep or change it.
 *
 * An asynchronous handler may also read the rest of the input at once: `collect()`, `bytes()`, `text()`, `json()`. What is no text
 * or no JSON rejects with `invalidArgument`.
 */
export interface ServerStream extends Iterable<Uint8Array>, AsyncIterable<Uint8Array>, Collected {
  /**
   * The caller, the method and the metadata of the call. It prints redacted; `revealContext` gives a copy that prints completely.
   */
  readonly context: InvocationContext;

  /**
   * Sends the bytes of one chunk once the host has given credit. A chunk of up to 1 MiB is one Data frame; a larger chunk becomes
   * several frames, with no other send of this stream between them.
   *
   * Sends that a handler doesn't await go out in order all the same. When the handler has returned, the stream closes only after
   * they have left, as the host gives credit. What a handler sends after that is dropped, with one warning in the log; the promise
   * then rejects, and may be ignored.
   *
   * @param payload also a DataView, an ArrayBuffer or a Uint8Array of another realm; its buffer may be used again once the promise
   *   has settled
   * @throws ModuleError `handlerFailed` for a value that is no bytes; the cause's code once the stream is cancelled or past its
   *   deadline; `unavailable` once it has ended
   */
  send(payload: Uint8Array): Promise<void>;

  /**
   * As {@link send}, but blocks the worker thread until all of the chunk is on its way.
   *
   * @throws ModuleError as {@link send}; also `handlerFailed` while a `send` that was not awaited waits, because this chunk would
   *   overtake it
   */
  sendSync(payload: Uint8Array): void;

  /**
   * As {@link send}, but only if the chunk can go out now. If it has more than 1 MiB, its first frame goes out now; the rest is copied
   * and follows as the host gives credit.
   *
   * @returns false, and sends nothing, if the host has given no credit or reads too slowly, an earlier send waits, or the stream is
   *   over
   * @throws ModuleError `handlerFailed` for a value that is no bytes
   */
  trySend(payload: Uint8Array): boolean;

  /**
   * Tells the host how far the call is. It never waits and costs no credit, so a loop may call it as often as it likes: the latest
   * value replaces the one that has not left yet, and at most 20 a second leave, also while the handler computes without a pause.
   * A host that did not ask for progress gets none. Once the stream is cancelled or has ended, the call does nothing.
   *
   * @param value encoded by the codec that the method's shape states for its progress; without one as JSON, and bytes as they are
   * @throws ModuleError `invalidArgument` for a value that takes more than 4,096 bytes, or that can't be encoded
   */
  progress(value: unknown): void;

  /**
   * Whether the stream has been cancelled, is past its deadline, or was ended for a breach. It costs one atomic load, so a tight
   * loop may read it.
   */
  readonly cancelled: boolean;

  /** @throws ModuleError with the cause's code once {@link cancelled}; `unavailable` once the stream has ended otherwise */
  throwIfCancelled(): void;

  /** Aborts with a {@link ModuleError} as reason when the stream is cancelled; never on normal completion. */
  readonly signal: AbortSignal;

  /** The moment at which the host's deadline ends the stream; `undefined` if the host set none. */
  readonly deadline: Date | undefined;

  /** The input as a Web Stream. Use either this or the iterables, since they read the same input. */
  readonly readable: ReadableStream<Uint8Array>;

  /** The output as a Web Stream; closing it does not end the handler. */
  readonly writable: WritableStream<Uint8Array>;

  /** Writes JSON lines to standard error. A line that standard error has no room for is dropped, so that logging never waits. */
  readonly log: StreamLog;

  /** Requests to the host, with this stream's context. */
  readonly services: Services;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** @param fields further members of the line, as JSON values */
export type StreamLog = Readonly<
  Record<LogLevel, (message: string, fields?: Record<string, unknown>) => void>
>;

export interface Services {
  /**
   * Sends a request to the host and waits for the body of its answer.
   *
   * @param body at most what fits a message (16 MiB by default) with its envelope; it is copied
   * @throws ModuleError with the host's code and message; uncaught, it ends the stream with that code. `handlerFailed` for a
   *   request that no message can carry; `resourceExhausted` for a request over the message limit, or while 1,024 requests of this
   *   worker, or of all workers together, wait for the host; the cause's code once the stream is cancelled or past its deadline;
   *   `unavailable` if the stream ends before the answer
   */
  request(service: string, method: string, body: Uint8Array): Promise<Uint8Array>;

  /** As {@link request}, but blocks the worker thread until the answer has come. */
  requestSync(service: string, method: string, body: Uint8Array): Uint8Array;
}

/** One unary request as its handler sees it: {@link ServerStream} without input and output, and with a body. */
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
