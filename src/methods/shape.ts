import {
  modeOf,
  type HandlerMode,
  type MethodOptions,
  type ModedHandler,
  type ModedRequestHandler,
} from '../module.ts';
import type { ServerStream, UnaryRequest } from '../handle/server-stream.ts';
import type { AnyCodec, Codec, ReceivedBy, SentBy } from './codec.ts';
import type { MethodInput } from './decoded-input.ts';
import {
  many,
  one,
  payloadOf,
  type Many,
  type One,
  type Payload,
  type PayloadInit,
  type RequestPayload,
  type StreamPayload,
} from './payload.ts';
import { typedRequestHandler, typedStreamHandler } from './typed-handler.ts';

/** The statement of a stream method's types and limits. */
export interface MethodInit<I, O, P> extends MethodOptions {
  /** The host's values: `one(codec)`, `many(codec)`, or a codec by itself, which means `many` (default: `bytes()`). */
  readonly input?: I;
  /** The handler's values, in the same way. */
  readonly output?: O;
  /** The codec of what `stream.progress` takes. */
  readonly progress?: P;
  /** Needed only for a plain function that waits by a promise: the mode that the function's kind doesn't show. */
  readonly mode?: HandlerMode;
}

/** The statement of a request's types and limits. A codec by itself means `one`; the default is `bytes()`. */
export interface RequestInit<I, O> extends MethodOptions {
  readonly input?: I;
  readonly output?: O;
  readonly mode?: HandlerMode;
}

/** The input that a handler gets: the value itself, or the iterable of all values. */
export type InputOf<I> =
  I extends One<infer C> ? ReceivedBy<C> : I extends Many<infer C> ? MethodInput<ReceivedBy<C>> : never;

/** Many values, at once or as they come. */
export type Chunks<T> = Iterable<T> | AsyncIterable<T>;

/**
 * The result of a handler: the value itself or a promise of it where the method gives one; otherwise the values, as a generator
 * yields them or in any iterable. A handler that sends by `stream.send` returns nothing.
 */
export type ResultOf<O> =
  O extends One<infer C>
    ? SentBy<C> | Promise<SentBy<C>>
    : O extends Many<infer C>
      ? Chunks<SentBy<C>> | Promise<Chunks<SentBy<C>> | void> | void
      : never;

/**
 * The types and limits of one stream method. It is a plain object without the handler, so module and hosts can share it.
 *
 * `handler(function)` makes the entry of `onServerStream` for it.
 */
export interface MethodShape<
  I extends Payload,
  O extends Payload,
  P extends AnyCodec = AnyCodec,
> extends MethodOptions {
  readonly kind: 'stream';
  readonly input: I;
  readonly output: O;
  readonly progress: P | undefined;
  /** `undefined` if the handler's own kind shows it. */
  readonly mode: HandlerMode | undefined;
  /**
   * Gives the method its handler, which gets the decoded and checked input. What it yields, or returns where the method gives one
   * value, is checked and encoded.
   *
   * Input that can't be decoded, or that its schema refuses, ends the stream with `invalidArgument`; the issues are JSON in the
   * error's `details`. Output that its schema refuses, or a value of more than 1 MiB whose codec may not cut it, is the handler's
   * mistake and ends the stream with `handlerFailed`.
   *
   * @throws TypeError for a generator function where the method gives one value, since such a handler returns it
   */
  handler(handler: (input: InputOf<I>, stream: ServerStream) => ResultOf<O>): Method<I, O, P>;
}

/** A stream handler with its shape, as an entry of `onServerStream`. */
export interface Method<
  I extends Payload,
  O extends Payload,
  P extends AnyCodec = AnyCodec,
> extends ModedHandler {
  readonly shape: MethodShape<I, O, P>;
}

/** The types and limits of one unary request: a method of a module's `onHandle`, or of a host's services. */
export interface RequestShape<I extends One<AnyCodec>, O extends One<AnyCodec>> extends MethodOptions {
  readonly kind: 'handle';
  readonly input: I;
  readonly output: O;
  readonly mode: HandlerMode | undefined;
  /** Gives the request its handler, which gets the decoded and checked body and returns its answer, or a promise of it. */
  handler<Request extends { readonly body: Uint8Array } = UnaryRequest>(
    handler: (input: InputOf<I>, request: Request) => ResultOf<O>,
  ): RequestMethod<I, O, Request>;
}

/** A request handler with its shape, as an entry of `onHandle`. */
export interface RequestMethod<
  I extends One<AnyCodec>,
  O extends One<AnyCodec>,
  Request = UnaryRequest,
> extends ModedRequestHandler<Request> {
  readonly shape: RequestShape<I, O>;
}

/**
 * States the types and limits of a stream method.
 *
 * @throws RangeError for a limit that is no whole number above 0
 */
export function defineMethod<
  I extends PayloadInit = Codec<Uint8Array>,
  O extends PayloadInit = Codec<Uint8Array>,
  P extends AnyCodec = never,
>(init: MethodInit<I, O, P>): MethodShape<StreamPayload<I>, StreamPayload<O>, P> {
  const options = optionsOf(init);
  const input = payloadOf(init.input, many) as StreamPayload<I>;
  const output = payloadOf(init.output, many) as StreamPayload<O>;
  const shape: MethodShape<StreamPayload<I>, StreamPayload<O>, P> = {
    ...options,
    kind: 'stream',
    input,
    output,
    progress: init.progress,
    mode: init.mode,
    handler: (handler) => {
      if (output.single && isGeneratorFunction(handler))
        throw new TypeError(
          'a method with one output returns it; write a function or an async function, not a generator',
        );
      const mode = init.mode ?? modeOf(handler);
      return { ...options, mode, handler: typedStreamHandler({ input, output }, mode, handler), shape };
    },
  };
  return shape;
}

/**
 * States the types and limits of a unary request.
 *
 * @throws RangeError for a limit that is no whole number above 0
 */
export function defineRequest<
  I extends One<AnyCodec> | AnyCodec = Codec<Uint8Array>,
  O extends One<AnyCodec> | AnyCodec = Codec<Uint8Array>,
>(init: RequestInit<I, O>): RequestShape<RequestPayload<I>, RequestPayload<O>> {
  const options = optionsOf(init);
  const input = payloadOf(init.input, one) as RequestPayload<I>;
  const output = payloadOf(init.output, one) as RequestPayload<O>;
  const shape: RequestShape<RequestPayload<I>, RequestPayload<O>> = {
    ...options,
    kind: 'handle',
    input,
    output,
    mode: init.mode,
    handler: (handler) => {
      const mode = init.mode ?? modeOf(handler);
      return { ...options, mode, handler: typedRequestHandler({ input, output }, mode, handler), shape };
    },
  };
  return shape;
}

/** All that an entry of a table of handlers, or a shape, says of its method. */
export interface MethodFacts extends MethodOptions {
  readonly kind: 'stream' | 'handle';
  /** `undefined` for a shape without a handler that doesn't state it. */
  readonly mode: HandlerMode | undefined;
  readonly input: Payload;
  readonly output: Payload;
  readonly progress: AnyCodec | undefined;
}

/**
 * The facts of a method, of its entry in `onServerStream` or `onHandle`, or of its shape. A handler without a shape takes and gives
 * bytes.
 *
 * @param kind of a handler without a shape: of the table that it stands in
 */
export function shapeOf(entry: unknown, kind: 'stream' | 'handle' = 'stream'): MethodFacts {
  const { shape, ...own } = (
    typeof entry === 'object' && entry !== null ? entry : {}
  ) as Partial<MethodFacts> & {
    readonly shape?: MethodFacts;
  };
  const facts = shape ?? own;
  const wrap = (facts.kind ?? kind) === 'stream' ? many : one;
  return {
    ...optionsOf(facts),
    kind: facts.kind ?? kind,
    mode: typeof entry === 'function' ? modeOf(entry as () => unknown) : (own.mode ?? facts.mode),
    input: payloadOf(facts.input, wrap),
    output: payloadOf(facts.output, wrap),
    progress: facts.progress,
  };
}

/** The options among the fields of `init`. @throws RangeError for a limit that is no whole number above 0 */
function optionsOf({ description, timeoutMs, concurrency, maxInputBytes }: MethodOptions): MethodOptions {
  const limits = { timeoutMs, concurrency, maxInputBytes };
  for (const [name, limit] of Object.entries(limits)) {
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit <= 0))
      throw new RangeError(`a ${name} of ${String(limit)}; it must be a whole number above 0`);
  }
  return { description, ...limits };
}

function isGeneratorFunction(handler: object): boolean {
  return /^(Async)?GeneratorFunction$/.test(handler.constructor.name);
}
