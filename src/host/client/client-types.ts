import type { Codec, ReceivedBy, SentBy } from '../../methods/codec.ts';
import type { Many, One } from '../../methods/payload.ts';
import type { InvocationOptions } from '../invocation-options.ts';
import type { OpenStreamOptions } from '../streams/host-stream.ts';
import type { CallResults } from './stream-call.ts';
import type { TypedStream } from './typed-stream.ts';

/** Methods by name: an object of shapes, or of the handlers that were made of them, such as a module's `onServerStream`. */
export type MethodTable = object;

/** The shape of a table's entry, which is a shape itself or a handler with its shape; bytes both ways if it has none. */
export type ShapeOf<M> = M extends { readonly shape: infer S }
  ? S
  : M extends { readonly kind: 'stream' | 'handle' }
    ? M
    : {
        readonly kind: 'stream';
        readonly input: Many<Codec<Uint8Array>>;
        readonly output: Many<Codec<Uint8Array>>;
      };

/** The type of a table's entry; `unknown` for a name that the table doesn't have. */
export type MethodOf<T, K extends string> = K extends keyof T ? T[K] : unknown;

/** The codec of a method's input or output; `never` for an entry without one. */
export type CodecOf<M, Side extends 'input' | 'output'> =
  ShapeOf<M> extends { readonly [S in Side]: { readonly codec: infer C } } ? C : never;

/** The type of the values that a host sends to the method, and of those that it gets back. */
export type SentTo<M> = SentBy<CodecOf<M, 'input'>>;
export type ReceivedFrom<M> = ReceivedBy<CodecOf<M, 'output'>>;

/** Many values, at once or as they come. */
export type Values<T> = Iterable<T> | AsyncIterable<T>;
/** The first argument of a call: the value for `one`; for `many` an iterable, which may be left out. */
export type Input<I> =
  I extends One<infer C> ? [input: SentBy<C>] : I extends Many<infer C> ? [input?: Values<SentBy<C>>] : never;
/** The result of a call: a promise for `one`, an async iterable for `many`. */
export type Output<O> =
  O extends One<infer C>
    ? Promise<ReceivedBy<C>>
    : O extends Many<infer C>
      ? CallResults<ReceivedBy<C>>
      : never;

/** The codec of a method's progress; `never` if it states none. */
export type ProgressOf<M> = ShapeOf<M> extends { readonly progress: infer P } ? Exclude<P, undefined> : never;

/** The options of a call of a stream method. */
export interface CallOptions<M> extends Omit<OpenStreamOptions, 'onProgress'> {
  /**
   * Called with each progress value of the handler, decoded if the shape has a codec for it, and bytes otherwise. As
   * {@link OpenStreamOptions.onProgress} in all else.
   */
  onProgress?: (value: [ProgressOf<M>] extends [never] ? Uint8Array : ReceivedBy<ProgressOf<M>>) => void;
}

/** A stream method as a function. */
export interface StreamMethod<M, I, O> {
  /**
   * Calls the method with one value, or with an iterable of the values where it takes many; left out, it sends none. It gives a
   * promise of the value where the method gives one, and an iterable of the values where it gives many. Both fail with a
   * {@link ModuleError} that names the method and the invocation id, and whose stack begins at this call.
   *
   * The call begins at once. A promise that is ignored raises no unhandled rejection.
   *
   * @throws ModuleError `invalidArgument` for options that can't be sent, where it gives an iterable
   */
  (...args: [...Input<I>, options?: CallOptions<M>]): Output<O>;
  /** Opens the stream of a call, to send and read by hand. @throws ModuleError as `openStream` does */
  open(options?: CallOptions<M>): TypedStream<SentTo<M>, ReceivedFrom<M>>;
}

/** A unary request as a function. */
export type RequestMethodCall<I, O> =
  I extends One<infer C> ? (input: SentBy<C>, options?: InvocationOptions) => Output<O> : never;

/** The function of a table's entry. */
export type CallOf<M> =
  ShapeOf<M> extends { readonly kind: infer K; readonly input: infer I; readonly output: infer O }
    ? K extends 'handle'
      ? RequestMethodCall<I, O>
      : StreamMethod<M, I, O>
    : never;

/** Every method of a table as a function. */
export type Calls<T> = { readonly [K in keyof T]: CallOf<T[K]> };

/**
 * A module's methods as functions of their own names. A method that is called `then` or `methods` is only in `methods`, which has
 * all of them: an object with a `then` can't be awaited.
 */
export type Client<T> = Calls<Omit<T, 'then' | 'methods'>> & { readonly methods: Calls<T> };
