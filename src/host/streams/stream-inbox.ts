import { Queue } from '../../base/queue.ts';
import type { ModuleError } from '../../errors.ts';
import { HandedOut, type Unsettled } from '../handed-out.ts';
import { dataCost, MAX_DATA_BYTES } from '../../wire/flow-limits.ts';

type WaitingRead = HandedOut<IteratorResult<Uint8Array, undefined>>;

/** The end of the module's side of a stream. Without an error the module has sent everything. */
export interface StreamOutcome {
  readonly error: ModuleError | undefined;
}

/**
 * The receiving half of a host stream: the Data that the consumer has not taken yet, and the module's remaining balance.
 *
 * With automatic credit the bytes that the consumer took are granted back once they add up to half the window, and never more than
 * these.
 */
export class StreamInbox {
  readonly #sendCredit: (bytes: number) => boolean;
  readonly #unsettled: Unsettled;
  /** Number of taken bytes that are granted back together; Infinity if none are granted automatically. */
  readonly #batch: number;
  #balance: number;
  #taken = 0;
  /** It releases each chunk when it is taken, because a reader that is always behind never empties the queue. */
  readonly #queue = new Queue<Uint8Array>();
  readonly #waiting = new Queue<WaitingRead>();
  #outcome: StreamOutcome | undefined;
  #discarding = false;

  /**
   * @param window bytes that the module may send at first, as `Open.initialCredit` says
   * @param sendCredit puts a grant on the wire; returns false if the stream can't send grants any more
   */
  constructor(
    window: number,
    autoCredit: boolean,
    sendCredit: (bytes: number) => boolean,
    unsettled: Unsettled,
  ) {
    this.#unsettled = unsettled;
    this.#balance = window;
    this.#batch = autoCredit ? Math.max(1, window >>> 1) : Infinity;
    this.#sendCredit = sendCredit;
  }

  /** Receives one Data payload, which the consumer may keep. Returns a text if the payload breaks flow control: how it does. */
  recv(payload: Uint8Array): string | undefined {
    if (payload.length > MAX_DATA_BYTES) return `Data of ${payload.length} bytes`;
    if (this.#balance <= 0) return `Data of ${payload.length} bytes at a balance of ${this.#balance}`;
    const cost = dataCost(payload.length);
    this.#balance -= cost;
    if (this.#discarding || this.#outcome !== undefined) return undefined;
    const reader = this.#waiting.shift();
    if (reader === undefined) this.#queue.push(payload);
    else {
      this.#took(cost);
      reader.resolve({ done: false, value: payload });
    }
    return undefined;
  }

  /** The module's side is over. Queued payloads can still be read. Only the first outcome counts. */
  finish(outcome: StreamOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (let reader = this.#waiting.shift(); reader !== undefined; reader = this.#waiting.shift()) {
      settle(reader, outcome);
    }
  }

  /** Whether there is Data that the consumer has not taken. */
  get hasUnread(): boolean {
    return this.#queue.first !== undefined;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const payload = this.#queue.shift();
    if (payload !== undefined) {
      this.#took(dataCost(payload.length));
      return Promise.resolve({ done: false, value: payload });
    }
    const reader: WaitingRead = new HandedOut(this.#unsettled);
    if (this.#outcome === undefined) this.#waiting.push(reader);
    else settle(reader, this.#outcome);
    return reader.promise;
  }

  /** Drops the queued payloads and those that still come, because nobody reads any more. */
  discard(): void {
    this.#discarding = true;
    this.#queue.clear();
  }

  /** Grants the module `bytes` more, in addition to the automatic grants. */
  grant(bytes: number): void {
    if (this.#outcome === undefined && this.#sendCredit(bytes)) this.#balance += bytes;
  }

  #took(cost: number): void {
    this.#taken += cost;
    if (this.#taken < this.#batch) return;
    const bytes = this.#taken;
    this.#taken = 0;
    this.grant(bytes);
  }
}

function settle(reader: WaitingRead, outcome: StreamOutcome): void {
  if (outcome.error === undefined) reader.resolve({ done: true, value: undefined });
  else reader.reject(outcome.error);
}
