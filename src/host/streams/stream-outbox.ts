import { Queue } from '../../base/queue.ts';
import { ModuleError } from '../../errors.ts';
import { byteLength, partsOf } from '../../base/typed-array.ts';
import { HandedOut, mayBeIgnored, type Unsettled } from '../handed-out.ts';
import { dataCost, MAX_DATA_BYTES } from '../../wire/flow-limits.ts';
import { bytesGiven } from '../bytes-given.ts';

/** The connection, as the sending half of a stream sees it. */
export interface OutboxLink {
  /** Whether the transport asks for a pause. */
  readonly clogged: boolean;
  /** Calls `pump` once the transport is free again. */
  awaitDrain(outbox: StreamOutbox): void;
}

interface WaitingSend {
  readonly data: Uint8Array;
  /** The number of bytes of `data` when it was given. */
  readonly length: number;
  readonly sent: HandedOut<void>;
}

/** The promise that `send` returns if there was credit. All such sends share it, since a busy host sends millions. */
const SENT: Promise<void> = Promise.resolve();

/**
 * The sending half of a host stream: the balance that the module has granted, and the sends that wait for it.
 *
 * A send may go out while the balance is above 0, and may take it below. {@link dataCost} gives the cost of a send. Waiting sends
 * keep their order: none overtakes an older one.
 */
export class StreamOutbox {
  readonly #link: OutboxLink;
  readonly #sendData: (payload: Uint8Array, length: number) => void;
  readonly #sendClose: () => void;
  readonly #unsettled: Unsettled;
  #window: number;
  #balance: number;
  readonly #waiting = new Queue<WaitingSend>();
  #state: 'open' | 'ending' | 'ended' | 'stopped' = 'open';
  #stopCause: (() => ModuleError) | undefined;

  /** @param window the module's first window in bytes; grants never take the balance above it */
  constructor(
    link: OutboxLink,
    sendData: (payload: Uint8Array, length: number) => void,
    sendClose: () => void,
    window: number,
    unsettled: Unsettled,
  ) {
    this.#unsettled = unsettled;
    this.#link = link;
    this.#sendData = sendData;
    this.#sendClose = sendClose;
    this.#balance = window;
    this.#window = window;
  }

  send(data: Uint8Array): Promise<void> {
    try {
      if (!(data instanceof Uint8Array)) return this.send(bytesGiven(data, 'A stream sends bytes'));
      const refusal = this.#refusal();
      if (refusal !== undefined) return mayBeIgnored(Promise.reject(refusal));
      const length = byteLength(data);
      return length > MAX_DATA_BYTES ? this.#putParts(data, length) : this.#put(data, length);
    } catch (error) {
      // A method that returns a promise reports every error by the promise.
      return mayBeIgnored(Promise.reject(error instanceof Error ? error : new Error(String(error))));
    }
  }

  /**
   * Sends `data` if it can go out now. If it has more than 1 MiB, its first frame goes out now; the rest is copied and follows as
   * credit comes. Returns false if there is no credit, the transport is clogged, or the stream is over.
   */
  trySend(data: Uint8Array): boolean {
    if (this.#state === 'stopped') return false;
    if (!(data instanceof Uint8Array)) return this.trySend(bytesGiven(data, 'A stream sends bytes'));
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    if (!this.#canSend()) return false;
    const length = byteLength(data);
    if (length <= MAX_DATA_BYTES) this.#transmit(data, length);
    // An error that prevents the rest is ignored here, because it also ends the stream, whose `closed` reports it.
    else this.#putParts(bytesGiven(data, 'A stream sends bytes').slice(), length).catch(() => {});
    return true;
  }

  #put(data: Uint8Array, length: number): Promise<void> {
    if (this.#canSend()) {
      this.#transmit(data, length);
      return SENT;
    }
    const sent = new HandedOut<void>(this.#unsettled);
    this.#waiting.push({ data, length, sent });
    if (this.#link.clogged) this.#link.awaitDrain(this);
    return sent.promise;
  }

  /** Sends a chunk that is larger than a frame as several, with nothing between them. @returns the last one's promise */
  #putParts(data: Uint8Array, length: number): Promise<void> {
    let sent = SENT;
    for (const part of partsOf(data, length, MAX_DATA_BYTES)) {
      // The caller gets only the last promise, which rejects whenever another one does.
      sent.catch(() => {});
      sent = this.#put(part, byteLength(part));
    }
    return sent;
  }

  /** Ends the module's input, after the sends that still wait. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#endWhenEmpty();
  }

  /**
   * Takes a grant. Returns false, and leaves the balance as it was, if the grant exceeds the cost of the frames that the module was
   * sent.
   */
  recvCredit(bytes: number): boolean {
    if (this.#balance + bytes > this.#window) return false;
    this.#balance += bytes;
    this.pump();
    return true;
  }

  /** The first window turned out to be larger by `bytes`. */
  widen(bytes: number): void {
    this.#window += bytes;
    this.#balance += bytes;
  }

  /** Sends the waiting chunks, as far as credit and transport allow. */
  pump(): void {
    while (this.#balance > 0 && !this.#link.clogged) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) break;
      const now = byteLength(waiting.data);
      if (now !== waiting.length) waiting.sent.reject(changedLength(now, waiting.length));
      else {
        this.#transmit(waiting.data, now);
        waiting.sent.resolve();
      }
    }
    if (this.#waiting.first !== undefined && this.#link.clogged) this.#link.awaitDrain(this);
    this.#endWhenEmpty();
  }

  /** Stops sending. The waiting sends and every later send reject with the error that `cause` makes. */
  stop(cause: () => ModuleError): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#stopCause = cause;
    for (let send = this.#waiting.shift(); send !== undefined; send = this.#waiting.shift()) {
      send.sent.reject(cause());
    }
  }

  #canSend(): boolean {
    return this.#balance > 0 && this.#waiting.first === undefined && !this.#link.clogged;
  }

  #transmit(data: Uint8Array, length: number): void {
    this.#balance -= dataCost(length);
    this.#sendData(data, length);
  }

  #endWhenEmpty(): void {
    if (this.#state !== 'ending' || this.#waiting.first !== undefined) return;
    this.#state = 'ended';
    this.#sendClose();
  }

  #refusal(): ModuleError | undefined {
    if (this.#stopCause !== undefined) return this.#stopCause();
    if (this.#state !== 'open') return new ModuleError('invalidArgument', 'A send after end().');
    return undefined;
  }
}

function changedLength(now: number, length: number): ModuleError {
  const message = `A send of ${length} bytes has ${now} when it is to go out; leave its buffer alone until the send has settled.`;
  return new ModuleError('invalidArgument', message);
}
