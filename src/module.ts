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

/** The longest name or version of a module, and the longest name of a method, in bytes of UTF-8. */
const MAX_NAME_BYTES = 1_024;
/** What the names of all methods may take together: the answer to `initialize` lists them, and has 1 MiB at most. */
const MAX_METHODS_BYTES = 524_288;
/** What a method costs there beside its name: a pointer, the NUL and the padding. */
const METHOD_BYTES = 16;

/**
 * Marks a module's default export and gives its handlers their types.
 *
 * @throws RangeError for a name, version or method name of more than 1,024 bytes, or names of methods of more than 512 KiB together
 */
export function defineModule<H extends StreamHandlers = StreamHandlers>(
  definition: ModuleDefinition<H>,
): ModuleDefinition<H> {
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

/** Whether a value is a handler that states its mode, and so no table of handlers. */
export function isModed(value: unknown): value is ModedHandler {
  if (typeof value !== 'object' || value === null) return false;
  const { mode, handler } = value as { mode?: unknown; handler?: unknown };
  return (mode === 'sync' || mode === 'async') && typeof handler === 'function';
}

/**
 * What a function's own kind says. A plain function may compute or block: it gets its worker to itself, unless the
 * module states otherwise.
 */
export function modeOf(handler: (...args: never[]) => unknown): HandlerMode {
  return /^Async(Generator)?Function$/.test(handler.constructor.name) ? 'async' : 'sync';
}
