import type { ServerStream, UnaryRequest } from './handle/server-stream.ts';

/** What a stream handler may give back: chunks to send, or nothing when it sends by hand. */
export type StreamResult =
  Iterable<Uint8Array> | AsyncIterable<Uint8Array> | Promise<void | undefined> | void | undefined;

/**
 * A stream handler. A generator's chunks are sent in order, each as one frame; on cancel its `return()` runs, so
 * `finally` works. When it returns, the stream closes; when it throws, the stream ends with the error. `this` is what it
 * stands in: the table of handlers, or the module.
 */
export type StreamHandler = (stream: ServerStream) => StreamResult;

/**
 * How a handler uses its thread. `sync`: it computes, blocks, reads with `for … of`: it has its worker to itself while
 * it runs. `async`: it awaits, and may share a worker with others where `streamsPerWorker` is above 1.
 */
export type HandlerMode = 'sync' | 'async';

/** A handler whose mode is stated, for functions that don't show it: a plain function that returns a promise, say. */
export interface ModedHandler {
  readonly mode: HandlerMode;
  readonly handler: StreamHandler;
}

/** One handler for every method, or a table by `context.method`; only the table's own entries count. */
export type StreamHandlers =
  StreamHandler | ModedHandler | Readonly<Record<string, StreamHandler | ModedHandler>>;

export interface KvChangeEvent {
  readonly key: string;
  readonly operation: 'set' | 'delete';
  readonly value: Uint8Array;
  readonly version: bigint;
}

/** What a module is. Every handler is opt-in: what is left out is refused in a way that the caller sees at once. */
export interface ModuleDefinition<H extends StreamHandlers = StreamHandlers> {
  readonly name: string;
  readonly version: string;
  /** Left out: every Open ends with `streamingUnsupported`. */
  readonly onServerStream?: H;
  /**
   * Unary requests. Left out: `unimplemented`. Anything else than a Uint8Array is the handler's mistake: `handlerFailed`, with what it
   * was. The bytes are copied; a result over the message limit (16 MiB by default) is `resourceExhausted`.
   */
  readonly onHandle?: (request: UnaryRequest) => Uint8Array | Promise<Uint8Array>;
  /** Key-value changes. Runs in every worker, since each holds its own copy of the module. */
  readonly onKvChange?: (change: KvChangeEvent) => void | Promise<void>;
  /** Before the first handler of each copy runs. @param config `Initialize.config`; empty without `initialize` */
  readonly onInit?: (config: Uint8Array) => void | Promise<void>;
  /** When the module drains before it ends. */
  readonly onClose?: () => void | Promise<void>;
}

/** Marks a module's default export and gives its handlers their types. */
export function defineModule<H extends StreamHandlers = StreamHandlers>(
  definition: ModuleDefinition<H>,
): ModuleDefinition<H> {
  return definition;
}

/**
 * What a function's own kind says. A plain function may compute or block: it gets its worker to itself, unless the
 * module states otherwise.
 */
export function modeOf(handler: (...args: never[]) => unknown): HandlerMode {
  return /^Async(Generator)?Function$/.test(handler.constructor.name) ? 'async' : 'sync';
}
