import type { StreamId } from '../../wire/stream-id.ts';
import type { AnyCodec } from '../../methods/codec.ts';
import type { HostStream } from '../streams/host-stream.ts';
import { encodeInput } from '../../methods/caller-codec.ts';
import { outputValues } from './output-values.ts';

/**
 * One stream of values, seen from the host. Iterating gives the module's values, and ends or throws as the stream of bytes does.
 * The host's values are not checked here, since the module checks them.
 */
export class TypedStream<Send, Receive> implements AsyncIterable<Receive>, AsyncDisposable {
  /**
   * The stream of bytes below, for grants and single frames. Read either this or the values, since both take from the same input.
   */
  readonly raw: HostStream;
  readonly #input: AnyCodec;
  readonly #output: AnyCodec;

  constructor(stream: HostStream, input: AnyCodec, output: AnyCodec) {
    this.raw = stream;
    this.#input = input;
    this.#output = output;
  }

  get id(): StreamId {
    return this.raw.id;
  }

  /** Resolves with the module's Close and rejects with its error. It may be ignored. */
  get closed(): Promise<void> {
    return this.raw.closed;
  }

  /**
   * Sends one value. Rejects as the stream of bytes does, and with `invalidArgument` for a value that can't be encoded, or for a
   * value of more than 1 MiB if its codec may not cut it.
   */
  async send(value: Send): Promise<void> {
    await this.raw.send(encodeInput(this.#input, value));
  }

  /** Half-close: the host sends nothing more. */
  end(): void {
    this.raw.end();
  }

  cancel(reason: string): void {
    this.raw.cancel(reason);
  }

  /** Reads every value until the module's Close. Rejects with the stream's error. */
  async collect(): Promise<Receive[]> {
    const values: Receive[] = [];
    for await (const value of this) values.push(value);
    return values;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Receive, undefined, undefined> {
    return outputValues(this.raw, this.#output) as AsyncGenerator<Receive, undefined, undefined>;
  }

  /** Cancels the stream if it is live, and waits until it is over. Never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.raw[Symbol.asyncDispose]();
  }
}
