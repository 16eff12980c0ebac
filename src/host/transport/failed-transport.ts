import type { Transport, TransportEnd, TransportHandlers } from './transport.ts';

/** The way to a module that could not be started: it takes what is written, and ends at once. */
export class FailedTransport implements Transport {
  readonly #end: TransportEnd;

  constructor(end: TransportEnd) {
    this.#end = end;
  }

  start(handlers: TransportHandlers): void {
    // Not before the program has its module, and its calls on it.
    setImmediate(() => handlers.onEnd(this.#end));
  }

  write(): boolean {
    return true;
  }

  end(): void {
    // There is nobody to read the end.
  }

  close(): void {
    // It has ended already, or will in this turn.
  }
}
