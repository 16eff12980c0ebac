import { collectChunks, collectJson, collectText, concat } from '../base/collected.ts';
import type { ErrorCode } from '../errors.ts';
import type { InvocationContext } from '../wire/context.ts';
import { redactWhenPrinted } from './redacted-context.ts';
import type { ServerStream, Services, StreamLog } from './server-stream.ts';
import { encodeProgress, type ProgressCodec } from './progress.ts';
import { endedError, StreamEnding } from './stream-ending.ts';
import { StreamInput } from './stream-input.ts';
import type { StreamIo } from './stream-io.ts';
import { StreamSends } from './stream-sends.ts';
import { readableOf, writableOf } from './web-streams.ts';

/**
 * One stream: the handler's side ({@link ServerStream}), and the worker's side, which delivers input, credit and causes to it.
 *
 * Every read or send that blocks or is awaited ends as soon as a cause is decided.
 */
export class StreamHandle implements ServerStream {
  readonly #io: StreamIo;
  readonly #context: InvocationContext;
  readonly #ending: StreamEnding;
  readonly #input: StreamInput;
  readonly #sends: StreamSends;
  // Parts that most streams don't need are made on first use, because thousands of streams may only wait.
  #printable: InvocationContext | undefined;
  #log: StreamLog | undefined;
  #services: Services | undefined;
  #abort: AbortController | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** @param window the first window of the input, in bytes */
  constructor(io: StreamIo, context: InvocationContext, window: number) {
    this.#io = io;
    this.#context = context;
    this.#ending = new StreamEnding(io);
    this.#input = new StreamInput(io, this.#ending, window);
    this.#sends = new StreamSends(io, this.#ending, this);
  }

  get context(): InvocationContext {
    return (this.#printable ??= redactWhenPrinted(this.#context));
  }

  get deadline(): Date | undefined {
    const { deadlineUnixMs } = this.#context;
    return deadlineUnixMs === 0 ? undefined : new Date(deadlineUnixMs);
  }

  get log(): StreamLog {
    return (this.#log ??= this.#io.log());
  }

  get services(): Services {
    return (this.#services ??= this.#io.services());
  }

  get cancelled(): boolean {
    return this.#ending.cause !== undefined;
  }

  throwIfCancelled(): void {
    this.#ending.throwIfOver();
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      const error = this.#ending.error;
      if (error !== undefined) this.#abort.abort(error);
    }
    return this.#abort.signal;
  }

  get readable(): ReadableStream<Uint8Array> {
    return (this.#readable ??= readableOf(this));
  }

  get writable(): WritableStream<Uint8Array> {
    return (this.#writable ??= writableOf(this));
  }

  [Symbol.iterator](): Iterator<Uint8Array, void, undefined> {
    return this.#input[Symbol.iterator]();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this.#input[Symbol.asyncIterator]();
  }

  send(payload: Uint8Array): Promise<void> {
    return this.#sends.send(payload);
  }

  sendSync(payload: Uint8Array): void {
    this.#sends.sendSync(payload);
  }

  trySend(payload: Uint8Array): boolean {
    return this.#sends.trySend(payload);
  }

  collect(): Promise<Uint8Array[]> {
    return collectChunks(this);
  }

  async bytes(): Promise<Uint8Array> {
    return concat(await collectChunks(this));
  }

  text(): Promise<string> {
    return collectText(this, 'invalidArgument');
  }

  json(): Promise<unknown> {
    return collectJson(this, 'invalidArgument');
  }

  progress(value: unknown): void {
    const bytes = encodeProgress(value, this.progressCodec);
    // Lossy by nature, so the end of the stream is no error here.
    if (!this.#ending.isFinished && this.#ending.cause === undefined) this.#io.progress(bytes);
  }

  // The worker's side.

  /** The codec that the shape of the method states for its progress; JSON if there is none. */
  progressCodec: ProgressCodec | undefined;

  /** One Data payload of the host. */
  deliver(chunk: Uint8Array): void {
    this.#input.deliver(chunk);
  }

  /** The host's half-close. */
  deliverEnd(): void {
    this.#input.close();
  }

  /** Credit or room may have come. */
  retrySends(): void {
    this.#sends.retry();
  }

  /** Whether sends wait that the handler didn't await, or whether one of them has failed. */
  get hasPendingSends(): boolean {
    return this.#sends.isPending;
  }

  /** Resolves when the sends that the handler didn't await have left, or rejects with the error that prevents it. */
  drainSends(): Promise<void> {
    return this.#sends.drain();
  }

  /** A cause was decided, so everything that waits ends, and the signal fires. @param reason for a person */
  stop(cause: ErrorCode, reason: string): void {
    const error = this.#ending.stop(cause, reason);
    if (error === undefined) return;
    this.#fail(error);
    this.#input.drop();
    this.#abort?.abort(error);
  }

  /** The message of the terminal frame for a decided cause. */
  stopMessage(cause: ErrorCode): string {
    return this.#ending.messageFor(cause);
  }

  /** The terminal frame is decided. Nothing more goes out, and the reads and sends that the handler left behind fail. */
  finish(): void {
    this.#ending.finish();
    this.#input.drop();
    // Only if something waits: to create an error with its stack costs more than the rest of an empty stream.
    if (this.#input.isAwaited || this.#sends.isWaiting) this.#fail(endedError());
  }

  #fail(error: Error): void {
    this.#input.fail(error);
    this.#sends.fail(error);
  }
}
