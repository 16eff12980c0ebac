import type { AnyCodec } from '../../methods/codec.ts';
import type { MethodFacts } from '../../methods/shape.ts';
import { MAX_DATA_BYTES } from '../../wire/flow-limits.ts';
import type { HostStream } from '../streams/host-stream.ts';
import type { CallSite } from './call-site.ts';
import { encodeInput } from '../../methods/caller-codec.ts';
import { mergedPayloads } from './merged-payloads.ts';
import { onlyOutput, outputValues } from './output-values.ts';

/** The values of a call, one by one. Leaving the loop early, `return()` and `await using` cancel the call. */
export interface CallResults<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  next(): Promise<IteratorResult<T, undefined>>;
  return(): Promise<IteratorResult<T, undefined>>;
}

/** One call of a stream method: it sends the input by itself, and gives the output. */
export class StreamCall implements CallResults<unknown> {
  readonly #stream: HostStream;
  readonly #site: CallSite;
  readonly #output: AnyCodec;
  /** Made by the first read of many values. */
  #values: AsyncGenerator<unknown, undefined, undefined> | undefined;
  /** The error that the program's own input has thrown, which says more than the cancel that follows. */
  #inputFailure: { readonly error: unknown } | undefined;
  /** The program's input, while values of it are still to come. */
  #input: AsyncIterator<unknown> | undefined;

  constructor(stream: HostStream, { input, output }: MethodFacts, given: unknown, site: CallSite) {
    this.#stream = stream;
    this.#site = site;
    this.#output = output.codec;
    if (input.single) this.#send(given, input.codec);
    else void this.#sendAll(given, input.codec);
  }

  /** The value of a method that gives one. */
  async only(): Promise<unknown> {
    try {
      return await onlyOutput(this.#stream, this.#output);
    } catch (error) {
      throw this.#errorOf(error);
    } finally {
      this.#endInput();
    }
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    try {
      this.#values ??= outputValues(this.#stream, this.#output);
      const result = await this.#values.next();
      if (result.done === true) this.#endInput();
      return result;
    } catch (error) {
      this.#endInput();
      throw this.#errorOf(error);
    }
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    await this.#stream.return();
    this.#endInput();
    await this.#values?.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
    await this.return();
  }

  #send(value: unknown, codec: AnyCodec): void {
    try {
      const payload = this.#encode(value, codec);
      // A frame that can leave at once needs no promise. A send fails only with the stream, whose output tells of it.
      if (payload.length > MAX_DATA_BYTES || !this.#stream.trySend(payload))
        this.#stream.send(payload).catch(() => {});
      this.#stream.end();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #sendAll(values: unknown, codec: AnyCodec): Promise<void> {
    try {
      for await (const payload of this.#payloads(iterableOf(values), codec)) {
        if (!(await this.#sent(payload))) return;
      }
      this.#stream.end();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#input = undefined;
    }
  }

  /** The payloads of the program's values. Those of an asynchronous iterable leave as they come, since nobody knows when the next will. */
  #payloads(
    values: Iterable<unknown> | AsyncIterable<unknown>,
    codec: AnyCodec,
  ): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
    if (Symbol.asyncIterator in values) {
      const input = values[Symbol.asyncIterator]();
      this.#input = input;
      return this.#encodedAsync({ [Symbol.asyncIterator]: () => input }, codec);
    }
    const payloads = this.#encoded(values, codec);
    return codec.mayMerge === true ? mergedPayloads(payloads) : payloads;
  }

  *#encoded(values: Iterable<unknown>, codec: AnyCodec): Generator<Uint8Array, void, undefined> {
    for (const value of values) yield this.#encode(value, codec);
  }

  async *#encodedAsync(
    values: AsyncIterable<unknown>,
    codec: AnyCodec,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const value of values) yield this.#encode(value, codec);
  }

  /** The call is over, and its input is of no use to anybody. A generator of the program's then runs its `finally`. */
  #endInput(): void {
    const input = this.#input;
    this.#input = undefined;
    input?.return?.().then(undefined, () => {});
  }

  /** Sends a payload, and waits for credit. @returns whether the stream still takes more */
  async #sent(payload: Uint8Array): Promise<boolean> {
    try {
      await this.#stream.send(payload);
      return true;
    } catch {
      // A send fails only with the stream, whose output tells of it.
      return false;
    }
  }

  #encode(value: unknown, codec: AnyCodec): Uint8Array {
    try {
      return encodeInput(codec, value);
    } catch (error) {
      throw this.#site.errorOf(error);
    }
  }

  #failed(error: unknown): void {
    this.#inputFailure ??= { error };
    this.#stream.cancel('the host’s input has failed');
  }

  #errorOf(error: unknown): unknown {
    return this.#inputFailure === undefined ? this.#site.errorOf(error) : this.#inputFailure.error;
  }
}

/** @throws TypeError for what is no iterable of values */
function iterableOf(values: unknown): Iterable<unknown> | AsyncIterable<unknown> {
  if (values === undefined) return [];
  const isIterable =
    typeof values === 'object' &&
    values !== null &&
    (Symbol.iterator in values || Symbol.asyncIterator in values);
  if (!isIterable || ArrayBuffer.isView(values))
    throw new TypeError(
      'the method takes many values: give it an array, an iterable or an async iterable of them',
    );
  return values as Iterable<unknown> | AsyncIterable<unknown>;
}
