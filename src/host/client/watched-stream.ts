import { collectChunks, collectJson, collectText, concat } from '../../base/collected.ts';
import { errorReport, type Interception } from '../../interceptors/interception.ts';
import type { StreamId } from '../../wire/stream-id.ts';
import type { HostStream } from '../streams/host-stream.ts';

/** The stream itself, whose payloads and end the interceptors of its call see. */
export function watchedStream(stream: HostStream, call: Interception): HostStream {
  return new WatchedStream(stream, call);
}

class WatchedStream implements HostStream {
  readonly id: StreamId;
  readonly #stream: HostStream;
  readonly #call: Interception;

  constructor(stream: HostStream, call: Interception) {
    this.id = stream.id;
    this.#stream = stream;
    this.#call = call;
    stream.closed.then(
      () => call.end(undefined),
      (thrown: unknown) => call.end(errorReport(thrown)),
    );
  }

  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  async send(data: Uint8Array): Promise<void> {
    this.#see(() => this.#call.input(data));
    await this.#stream.send(data);
  }

  trySend(data: Uint8Array): boolean {
    const isSent = this.#stream.trySend(data);
    if (isSent) this.#see(() => this.#call.input(data));
    return isSent;
  }

  end(): void {
    this.#stream.end();
  }

  cancel(reason: string): void {
    this.#stream.cancel(reason);
  }

  grant(bytes: number): void {
    this.#stream.grant(bytes);
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const result = await this.#stream.next();
    if (result.done !== true) this.#see(() => this.#call.output(result.value));
    return result;
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#stream.return();
  }

  collect(): Promise<Uint8Array[]> {
    return collectChunks(this);
  }

  async bytes(): Promise<Uint8Array> {
    return concat(await collectChunks(this));
  }

  text(): Promise<string> {
    return collectText(this, 'handlerFailed');
  }

  json(): Promise<unknown> {
    return collectJson(this, 'handlerFailed');
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stream[Symbol.asyncDispose]();
  }

  /** An exception of an interceptor cancels the call. */
  #see(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.#stream.cancel('an interceptor of the host has failed');
      throw error;
    }
  }
}
