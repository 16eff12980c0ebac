import type { AnyCodec, ValueDecoder } from './codec.ts';
import { checked, decoded, now, OnlyValue } from './checked.ts';
import type { Payload } from './payload.ts';

/** The decoded and checked input. Both iterables take from the same values. */
export interface MethodInput<T> extends Iterable<T>, AsyncIterable<T> {}

/** The payloads of a stream's input. */
type Payloads = Iterable<Uint8Array> & AsyncIterable<Uint8Array>;

/** The values of a stream's input. A value that can't be decoded, or that the schema refuses, throws `invalidArgument`. */
export class DecodedInput implements MethodInput<unknown> {
  readonly #payloads: Payloads;
  readonly #codec: AnyCodec;
  readonly #isSingle: boolean;
  readonly #decoder: ValueDecoder;
  /** Values of the last payload that the handler has not taken yet. */
  #decoded: Iterator<unknown, void> = [].values();
  #count = 0;
  #ended = false;

  constructor(payloads: Payloads, { codec, single }: Payload) {
    this.#payloads = payloads;
    this.#codec = codec;
    this.#isSingle = single;
    this.#decoder = codec.decoder();
  }

  *[Symbol.iterator](): Generator<unknown, void, undefined> {
    const payloads = this.#payloads[Symbol.iterator]();
    for (;;) {
      for (let next = this.#next(); next !== undefined; next = this.#next())
        yield now(this.#check(next.value));
      if (this.#ended) return;
      const result = payloads.next();
      this.#decode(result.done === true ? undefined : result.value);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    const payloads = this.#payloads[Symbol.asyncIterator]();
    for (;;) {
      for (let next = this.#next(); next !== undefined; next = this.#next())
        yield await this.#check(next.value);
      if (this.#ended) return;
      const result = await payloads.next();
      this.#decode(result.done === true ? undefined : result.value);
    }
  }

  /** The only value of all the input; blocks until the host has sent all. */
  onlySync(): unknown {
    const only = this.#onlyValue();
    for (const value of this) only.add(value);
    return only.take();
  }

  /** As {@link onlySync}, without blocking. */
  async only(): Promise<unknown> {
    const only = this.#onlyValue();
    for await (const value of this) only.add(value);
    return only.take();
  }

  #onlyValue(): OnlyValue {
    return new OnlyValue(this.#codec, 'invalidArgument', 'the input');
  }

  #decode(payload: Uint8Array | undefined): void {
    this.#ended = payload === undefined;
    this.#decoded = decoded(
      'invalidArgument',
      this.#valueName(this.#count),
      () =>
        (payload === undefined ? this.#decoder.end() : this.#decoder.push(payload))[
          Symbol.iterator
        ]() as Iterator<unknown, void>,
    );
  }

  #next(): { readonly value: unknown } | undefined {
    const result = decoded('invalidArgument', this.#valueName(this.#count), () => this.#decoded.next());
    return result.done === true ? undefined : { value: result.value };
  }

  #check(value: unknown): unknown {
    return checked(this.#codec.schema, value, 'invalidArgument', this.#valueName(this.#count++));
  }

  /** For a person. */
  #valueName(index: number): string {
    return this.#isSingle ? 'the input' : `value ${index} of the input`;
  }
}
