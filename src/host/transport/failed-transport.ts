import type { Transport, TransportEnd, TransportHandlers } from './transport.ts';

/** The transport to a module that could not be started. It accepts all writes, and ends at once. */
export class FailedTransport implements Transport {
  readonly #end: TransportEnd;

  constructor(end: TransportEnd) {
    this.#end = end;
  }

  start(handlers: TransportHandlers): void {
    // Only after the program has got its module and made its first calls.
    setImmediate(() => handlers.onEnd(this.#end));
  }

  write(): boolean {
    return true;
  }

  end(): void {
    // Nobody reads the end of the input.
  }

  close(): void {
    // It has ended already, or will in this turn.
  }
}
