import { Queue } from '../../base/queue.ts';
import { ModuleError } from '../../errors.ts';
import { HandedOut, mayBeIgnored, type Unsettled } from '../handed-out.ts';
import { dataCost, MAX_DATA_BYTES } from '../../wire/flow-limits.ts';

/** What the sending half of a stream needs from its connection. */
export interface OutboxLink {
  /** The transport asks for a pause. */
  readonly clogged: boolean;
  /** Calls `pump` once the transport is free again. */
  awaitDrain(outbox: StreamOutbox): void;
}

interface WaitingSend {
  readonly data: Uint8Array;
  readonly sent: HandedOut<void>;
}

/** What a send that had credit returns: one promise for all of them, since a benchmark sends millions. */
const SENT: Promise<void> = Promise.resolve();

/**
 * The sending half of a host stream: the balance that the module has granted, and the sends that wait for it.
 *
 * A send may go out while the balance is above 0, and may take it below; what it costs says {@link dataCost}.
 * Waiting sends keep their order: none overtakes an older one.
 */
export class StreamOutbox {
  readonly #link: OutboxLink;
  readonly #sendData: (payload: Uint8Array) => void;
  readonly #sendClose: () => void;
  readonly #unsettled: Unsettled;
  readonly #window: number;
  #balance: number;
  readonly #waiting = new Queue<WaitingSend>();
  #state: 'open' | 'ending' | 'ended' | 'stopped' = 'open';
  #stopCause: (() => ModuleError) | undefined;

  /** @param window the module's first window in bytes; grants never take the balance above it */
  constructor(
    link: OutboxLink,
    sendData: (payload: Uint8Array) => void,
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
    const refusal = this.#refusal(data);
    if (refusal !== undefined) return mayBeIgnored(Promise.reject(refusal));
    if (this.#canSend()) {
      this.#transmit(data);
      return SENT;
    }
    const sent = new HandedOut<void>(this.#unsettled);
    this.#waiting.push({ data, sent });
    if (this.#link.clogged) this.#link.awaitDrain(this);
    return sent.promise;
  }

  /** Sends `data` if it can go out now. False without an error: no credit, a clogged transport, or the stream is over. */
  trySend(data: Uint8Array): boolean {
    if (this.#state === 'stopped') return false;
    const refusal = this.#refusal(data);
    if (refusal !== undefined) throw refusal;
    if (!this.#canSend()) return false;
    this.#transmit(data);
    return true;
  }

  /** The end of the input, after what still waits. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#endWhenEmpty();
  }

  /** Takes a grant; false when it goes beyond what the module was sent, and the balance is then left as it was. */
  recvCredit(bytes: number): boolean {
    if (this.#balance + bytes > this.#window) return false;
    this.#balance += bytes;
    this.pump();
    return true;
  }

  /** Sends what waits, as far as credit and transport allow. */
  pump(): void {
    while (this.#balance > 0 && !this.#link.clogged) {
      const send = this.#waiting.shift();
      if (send === undefined) break;
      this.#transmit(send.data);
      send.sent.resolve();
    }
    if (this.#waiting.first !== undefined && this.#link.clogged) this.#link.awaitDrain(this);
    this.#endWhenEmpty();
  }

  /** Nothing is sent any more; what waits rejects with the error that `cause` makes, and so does every later send. */
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

  #transmit(data: Uint8Array): void {
    this.#balance -= dataCost(data.length);
    this.#sendData(data);
  }

  #endWhenEmpty(): void {
    if (this.#state !== 'ending' || this.#waiting.first !== undefined) return;
    this.#state = 'ended';
    this.#sendClose();
  }

  #refusal(data: Uint8Array): ModuleError | undefined {
    if (this.#stopCause !== undefined) return this.#stopCause();
    if (this.#state !== 'open') return new ModuleError('invalidArgument', 'A send after end().');
    if (data.length > MAX_DATA_BYTES) {
      const message = `A send of ${data.length} bytes; one frame holds ${MAX_DATA_BYTES} at most.`;
      return new ModuleError('invalidArgument', message);
    }
    return undefined;
  }
}
