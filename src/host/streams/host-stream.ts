import { collectChunks, collectJson, collectText, concat, type Collected } from '../../base/collected.ts';
import { ModuleError } from '../../errors.ts';
import type { InvocationContextInit } from '../../wire/context.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import { MAX_CREDIT } from '../../wire/flow-limits.ts';
import type { TableEntry } from '../../wire/stream-table.ts';
import { streamIdWords, type StreamId } from '../../wire/stream-id.ts';
import { cutUtf8 } from '../../base/text.ts';
import { HandedOut, Unsettled } from '../handed-out.ts';
import { abortReason, type InvocationOptions } from '../invocation-options.ts';
import { LocalEnds } from '../local-end.ts';
import { MAX_ERROR_TEXT_BYTES } from '../message-bounds.ts';
import { IdleTime } from './idle-time.ts';
import { StreamInbox } from './stream-inbox.ts';
import { StreamOutbox, type OutboxLink } from './stream-outbox.ts';

export interface OpenStreamOptions extends InvocationOptions {
  /** Bytes that the module may send at first (default 262,144). */
  initialCredit?: number;
  /**
   * Whether the bytes that the iterator took are granted back (default true). If false, the module gets credit from `grant` only.
   */
  autoCredit?: boolean;
  /**
   * Called with each progress value of the handler (at most 20 a second, of at most 4,096 bytes; JSON unless the method says
   * otherwise), never after the stream has ended. The value may be kept. An exception counts as uncaught and ends no stream.
   */
  onProgress?: (value: Uint8Array) => void;
  /**
   * The longest time without a frame of the module once its first has come, in ms; after it the stream is cancelled and ends with
   * `deadlineExceeded`. It doesn't count while what came is not read.
   */
  idleMs?: number;
  /** The id of the stream, which must not be live. By default an id that this session has never used. */
  id?: StreamId;
}

/**
 * One stream, seen from the host.
 *
 * Iterating gives the payload of each Data frame, one by one. It ends with the module's Close and throws a {@link ModuleError} on
 * its Error, in both cases after all payloads that came before. Leaving the loop early cancels the stream. The reader may keep a
 * payload. Small payloads share an ArrayBuffer, as Node's Buffers do, so `slice()` one before its buffer is transferred.
 *
 * `collect()`, `bytes()`, `text()` and `json()` read the rest at once. What is no text or no JSON rejects with `handlerFailed`.
 */
export interface HostStream extends AsyncIterableIterator<Uint8Array, undefined>, Collected {
  readonly id: StreamId;
  /**
   * Sends one Data frame; if `data` has more than 1 MiB, several frames with no other send of this stream between them. Resolves
   * once the last frame has credit and the transport takes it. After that `data` may be used again.
   *
   * Rejects with a {@link ModuleError}: `invalidArgument` for a value that is no bytes, or after `end`; otherwise the reason why
   * the stream is over (`cancelled` if the module has closed it).
   *
   * @param data also a DataView, an ArrayBuffer or a Uint8Array of another realm
   */
  send(data: Uint8Array): Promise<void>;
  /**
   * As `send`, but only if the data can go out at once. Returns false if there is no credit, the transport is clogged, or the
   * stream is over. If `data` has more than 1 MiB, its first frame goes out at once; the rest is copied and follows.
   */
  trySend(data: Uint8Array): boolean;
  /** Half-close: tells the module, after the sends that still wait, that no more data follows. */
  end(): void;
  /**
   * Asks the module to stop. Sends that wait reject. The stream is over when the module's terminal frame arrives. If none arrives
   * within the session's `graceMs`, it ends with `cancelled`. A reason of more than 4 KiB is cut.
   */
  cancel(reason: string): void;
  /**
   * Grants the module credit for `bytes` more (at most 2^31-1), in addition to automatic credit. It is not checked against the
   * bytes taken.
   */
  grant(bytes: number): void;
  /**
   * Resolves with the module's Close and rejects with a {@link ModuleError} on its Error. It may be ignored: its rejection never
   * counts as unhandled.
   */
  readonly closed: Promise<void>;
  /** Cancels the stream if it is live, and drops what came and was not read. */
  return(): Promise<IteratorResult<Uint8Array, undefined>>;
  /** Cancels the stream if it is live, and waits until it is over. Never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The session, as a stream sees it. */
export interface StreamLink extends OutboxLink {
  /** Queues one whole message. */
  write(message: Uint8Array): void;
  /** Queues one Data message from the encoder's header and the payload, of `length` bytes; both are copied. */
  writeData(header: Uint8Array, payload: Uint8Array, length: number): void;
}

export interface StreamWindows {
  /** Bytes that the host may send at first. */
  readonly send: number;
  /** Bytes that the module may send at first. */
  readonly receive: number;
  readonly autoCredit: boolean;
}

/** The promises that a stream hands out, and the timers that end it if the module never answers. */
export interface StreamWaits {
  readonly unsettled: Unsettled;
  readonly localEnds: LocalEnds;
  /** The deadline of the call, in ms since the epoch; 0 or `undefined` if it has none. */
  readonly deadlineUnixMs: number | undefined;
  /** As {@link OpenStreamOptions.idleMs}. */
  readonly idleMs?: number | undefined;
}

const WAITS_FOR_EVER: StreamWaits = {
  unsettled: new Unsettled({}),
  localEnds: new LocalEnds(Infinity),
  deadlineUnixMs: 0,
};

/** The session's view of a {@link HostStream}, with the methods that receive frames. */
export class LiveStream implements HostStream, TableEntry<LiveStream> {
  readonly id: StreamId;
  /** The id as four uint32, high to low, so that a lookup compares numbers. */
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** The next live stream in the same bucket of the {@link StreamTable}. */
  nextInBucket: LiveStream | undefined;
  /** Whether it was opened before `shutdown` was sent, so that the module must send its terminal frame before the answer. */
  readonly owed: boolean;

  readonly #link: StreamLink;
  readonly #encoder: FrameEncoder;
  readonly #inbox: StreamInbox;
  readonly #outbox: StreamOutbox;
  readonly #signal: AbortSignal | undefined;
  /** `asked`: the module was asked to stop, and its terminal frame is still to come. `over`: that frame has come, or never will. */
  #phase: 'live' | 'asked' | 'over' = 'live';
  #outcome: { readonly error: ModuleError | undefined } | undefined;
  #closed: HandedOut<void> | undefined;
  readonly #waits: StreamWaits;
  readonly #onProgress: ((value: Uint8Array) => void) | undefined;
  readonly #idle: IdleTime | undefined;
  /** Cancels the timers that would end the stream here. */
  #forgetDeadline: () => void;
  #forgetCancel = (): void => undefined;

  constructor(
    link: StreamLink,
    id: StreamId,
    windows: StreamWindows,
    owed: boolean,
    signal: AbortSignal | undefined,
    waits: StreamWaits = WAITS_FOR_EVER,
    onProgress?: (value: Uint8Array) => void,
  ) {
    this.id = id;
    [this.id0, this.id1, this.id2, this.id3] = streamIdWords(id);
    this.owed = owed;
    this.#link = link;
    this.#signal = signal;
    this.#waits = waits;
    this.#onProgress = onProgress;
    const encoder = new FrameEncoder(id);
    this.#encoder = encoder;
    const sendCredit = (bytes: number): boolean => {
      if (this.#phase !== 'live') return false;
      link.write(encoder.credit(bytes));
      return true;
    };
    this.#inbox = new StreamInbox(windows.receive, windows.autoCredit, sendCredit, waits.unsettled);
    this.#outbox = new StreamOutbox(
      link,
      (payload, length) => link.writeData(encoder.dataHeader(length), payload, length),
      () => link.write(encoder.close()),
      windows.send,
      waits.unsettled,
    );
    if (waits.idleMs !== undefined)
      this.#idle = new IdleTime(waits.idleMs, () => this.#inbox.hasUnread, this.#onIdle);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#forgetDeadline = waits.localEnds.afterDeadline(waits.deadlineUnixMs ?? 0, this.#onDeadline);
  }

  /** The module's first window turned out to be `bytes` larger than the stream was made for. */
  widen(bytes: number): void {
    this.#outbox.widen(bytes);
  }

  /** Makes the stream's first frame. @param initialCredit bytes; the schema's default if it is left out */
  openFrame(context: InvocationContextInit, initialCredit?: number): Uint8Array {
    return this.#encoder.open(context, initialCredit);
  }

  get closed(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = new HandedOut(this.#waits.unsettled);
      this.#settleClosed();
    }
    return this.#closed.promise;
  }

  send(data: Uint8Array): Promise<void> {
    return this.#outbox.send(data);
  }

  trySend(data: Uint8Array): boolean {
    return this.#outbox.trySend(data);
  }

  end(): void {
    this.#outbox.end();
  }

  cancel(reason: string): void {
    if (this.#phase !== 'live') return;
    this.#phase = 'asked';
    const text = cutUtf8(reason, MAX_ERROR_TEXT_BYTES);
    this.#link.write(this.#encoder.cancel(text));
    this.#outbox.stop(() => new ModuleError('cancelled', text));
    this.#forgetCancel = this.#waits.localEnds.afterCancel(() => {
      const message = `${text} (the module has not ended the stream within ${this.#waits.localEnds.grace})`;
      this.#settle(new ModuleError('cancelled', message));
    });
  }

  grant(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > MAX_CREDIT) {
      throw new ModuleError('invalidArgument', `A grant of ${bytes} bytes.`);
    }
    this.#inbox.grant(bytes);
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#idle?.took();
    return this.#inbox.next();
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#inbox.discard();
    this.cancel('the reader has stopped');
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
    await this.closed.catch(() => undefined);
  }

  /** Receives Data from the module. Returns a text if it breaks flow control: how it does. */
  recvData(payload: Uint8Array): string | undefined {
    this.#idle?.seen();
    return this.#inbox.recv(payload);
  }

  /** Receives a grant from the module. Returns false if it exceeds the cost of the frames that the module was sent. */
  recvCredit(bytes: number): boolean {
    this.#idle?.seen();
    return this.#outbox.recvCredit(bytes);
  }

  /** Whether somebody is to be told of the module's progress. */
  get takesProgress(): boolean {
    return this.#onProgress !== undefined;
  }

  recvProgress(value: Uint8Array): void {
    this.#idle?.seen();
    if (this.#phase !== 'live' || this.#outcome !== undefined) return;
    try {
      this.#onProgress?.(value);
    } catch (error) {
      // The program's mistake, and not the connection's, which is in the middle of a message.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  recvClose(): void {
    this.#finish(undefined);
  }

  recvError(error: ModuleError): void {
    this.#finish(error);
  }

  /** The module broke the contract on this stream, so the stream fails here, and the module is told to end it. */
  reject(error: ModuleError): void {
    if (this.#phase === 'live') this.#link.write(this.#encoder.error(error));
    if (this.#phase !== 'over') this.#phase = 'asked';
    this.#settle(error);
  }

  /** Ends the stream without a terminal frame, because the connection is gone or the Open was never sent. */
  abandon(error: ModuleError): void {
    this.#finish(error);
  }

  #finish(error: ModuleError | undefined): void {
    this.#phase = 'over';
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#settle(error);
  }

  #settle(error: ModuleError | undefined): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = { error };
    this.#forgetDeadline();
    this.#forgetCancel();
    this.#idle?.stop();
    // The error is made only when it is needed, because a stream that ends well needs none, and its stack is expensive.
    this.#outbox.stop(() => error ?? new ModuleError('cancelled', 'The module has closed the stream.'));
    this.#inbox.finish(this.#outcome);
    this.#settleClosed();
  }

  #settleClosed(): void {
    if (this.#closed === undefined || this.#outcome === undefined) return;
    if (this.#outcome.error === undefined) this.#closed.resolve();
    else this.#closed.reject(this.#outcome.error);
  }

  readonly #onAbort = (): void => {
    if (this.#signal !== undefined) this.cancel(abortReason(this.#signal));
  };

  /** Ends the stream for the program. Its id stays in use, because the module's terminal frame may still come. */
  readonly #onDeadline = (): void => {
    const message = `The module has not ended the stream within ${this.#waits.localEnds.grace} after the deadline.`;
    this.cancel('the deadline has passed');
    this.#settle(new ModuleError('deadlineExceeded', message));
  };

  readonly #onIdle = (): void => {
    const message = `The module has sent nothing for ${this.#waits.idleMs} ms.`;
    this.cancel(message);
    this.#settle(new ModuleError('deadlineExceeded', message));
  };
}
