import type { ServerStream, UnaryRequest } from './handle/server-stream.ts';
import type { Interceptor } from './interceptors/interceptor.ts';

/** The result of a stream handler: an iterable of the chunks to send, or nothing if the handler calls `stream.send` itself. */
export type StreamResult =
  Iterable<Uint8Array> | AsyncIterable<Uint8Array> | Promise<void | undefined> | void | undefined;

/**
 * A stream handler. A generator's chunks are sent in order, each as one frame. On cancel its `return()` runs, so its `finally`
 * blocks run, too. When the handler returns, the stream closes; when it throws, the stream ends with the error. `this` is the
 * object that holds the handler: the table of handlers, or the module.
 */
export type StreamHandler = (stream: ServerStream) => StreamResult;

/**
 * The way in which a handler uses its thread. A `sync` handler computes, blocks, or reads with `for … of`, so it has its worker to
 * itself while it runs. An `async` handler awaits, so it may share a worker with others if `streamsPerWorker` is above 1.
 */
export type HandlerMode = 'sync' | 'async';

/** The limits of one method, and its words for a person. What is left out has no limit of its own. */
export interface MethodOptions {
  /** For a person, for example in the module's description of itself. */
  readonly description?: string | undefined;
  /** The handler's time from its start, in ms; after it the call ends with `deadlineExceeded`. */
  readonly timeoutMs?: number | undefined;
  /** The number of calls of this method that run at once; further ones wait without holding up other methods. */
  readonly concurrency?: number | undefined;
  /** The bytes of input that one call may send; a call that sends more ends with `resourceExhausted`. */
  readonly maxInputBytes?: number | undefined;
}

/**
 * A handler with its mode, for a function whose kind doesn't show the mode (for example a plain function that returns a promise),
 * and with the limits of its method.
 */
export interface ModedHandler extends MethodOptions {
  readonly mode: HandlerMode;
  readonly handler: StreamHandler;
}

/** Answers one unary request, with bytes. A result that is no bytes fails the request with `handlerFailed`. */
export type RequestHandler<Request = UnaryRequest> = (request: Request) => Uint8Array | Promise<Uint8Array>;

/** As {@link ModedHandler}, for one method of `onHandle`. */
export interface ModedRequestHandler<Request = UnaryRequest> extends MethodOptions {
  readonly mode: HandlerMode;
  readonly handler: RequestHandler<Request>;
}

/** One handler for every method, or a table of handlers by `context.method`. Only the table's own properties count. */
export type StreamHandlers =
  StreamHandler | ModedHandler | Readonly<Record<string, StreamHandler | ModedHandler>>;

/** One handler for every request, or a table of handlers by `context.method`. Only the table's own properties count. */
export type RequestHandlers = RequestHandler | Readonly<Record<string, RequestHandler | ModedRequestHandler>>;

export interface KvChangeEvent {
  readonly key: string;
  readonly operation: 'set' | 'delete';
  readonly value: Uint8Array;
  readonly version: bigint;
}

/**
 * The definition of a module. Every handler is optional. A call for a handler that is left out is refused at once, with an error
 * that says so.
 */
export interface ModuleDefinition<
  H extends StreamHandlers = StreamHandlers,
  R extends RequestHandlers = RequestHandlers,
> {
  readonly name: string;
  readonly version: string;
  /** Streams. If it is left out, every Open ends with `streamingUnsupported`. */
  readonly onServerStream?: H;
  /**
   * Unary requests. If it is left out, each request is refused with `unimplemented`. A table counts as asynchronous only if all of
   * its handlers are. A result that is no bytes is the handler's
   * mistake, so the request fails with `handlerFailed` and a message that names the kind of the result. The bytes are copied. A
   * result over the message limit (16 MiB by default) fails with `resourceExhausted`.
   */
  readonly onHandle?: R;
  /** Interceptors of all streams and requests, the first one outermost. */
  readonly use?: readonly Interceptor[];
  /** Key-value changes. It runs in every worker, since each holds its own copy of the module. */
  readonly onKvChange?: (change: KvChangeEvent) => void | Promise<void>;
  /**
   * Runs in each worker, before the first handler of that worker's copy of the module.
   *
   * @param config `Initialize.config`; empty without `initialize`
   */
  readonly onInit?: (config: Uint8Array) => void | Promise<void>;
  /** Runs in each worker whose copy of the module has begun, when the module drains before it ends. */
  readonly onClose?: () => void | Promise<void>;
}

/** The longest name or version of a module, and the longest name of a method, in bytes of UTF-8. */
const MAX_NAME_BYTES = 1_024;
/** Limit for the names of all methods together, in bytes. The answer to `initialize` lists them, and it has 1 MiB at most. */
const MAX_METHODS_BYTES = 524_288;
/** Bytes that a method takes in that answer beside its name: a pointer, the NUL and the padding. */
const METHOD_BYTES = 16;

/**
 * Marks a module's default export and gives its handlers their types.
 *
 * @throws RangeError for a name, version or method name of more than 1,024 bytes, or names of methods of more than 512 KiB together
 */
export function defineModule<
  H extends StreamHandlers = StreamHandlers,
  R extends RequestHandlers = RequestHandlers,
>(definition: ModuleDefinition<H, R>): ModuleDefinition<H, R> {
  checkNames(definition);
  return definition;
}

/** @throws RangeError for names that no answer to `initialize` has room for */
export function checkNames(definition: ModuleDefinition): void {
  const { name, version, onServerStream } = definition;
  checkName('name', name);
  checkName('version', version);
  const isTable = typeof onServerStream === 'object' && onServerStream !== null && !isModed(onServerStream);
  const methods = isTable ? Object.keys(onServerStream) : [];
  let bytes = 0;
  for (const method of methods) bytes += METHOD_BYTES + checkName('name of a stream method', method);
  if (bytes <= MAX_METHODS_BYTES) return;
  throw new RangeError(
    `the names of its ${methods.length} stream methods take ${bytes} bytes, the limit is ${MAX_METHODS_BYTES}; ` +
      'use one handler for all and look at stream.context.method',
  );
}

/** @returns its bytes */
function checkName(what: string, text: unknown): number {
  if (typeof text !== 'string') return 0;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_NAME_BYTES) return bytes;
  throw new RangeError(
    `the ${what} that begins with '${text.slice(0, 32)}' has ${bytes} bytes, the limit is ${MAX_NAME_BYTES}`,
  );
}

/** Whether a value is a handler that states its mode, and therefore not a table of handlers. */
export function isModed(value: unknown): value is ModedHandler {
  if (typeof value !== 'object' || value === null) return false;
  const { mode, handler } = value as { mode?: unknown; handler?: unknown };
  return (mode === 'sync' || mode === 'async') && typeof handler === 'function' && !isShape(value);
}

/** Whether a value is the shape of a method that was given no handler. */
export function isShape(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && 'input' in value;
}

/**
 * The mode that a function's own kind shows. A plain function may compute or block, so it gets its worker to itself unless the
 * module states another mode.
 */
export function modeOf(handler: (...args: never[]) => unknown): HandlerMode {
  return /^Async(Generator)?Function$/.test(handler.constructor.name) ? 'async' : 'sync';
}
