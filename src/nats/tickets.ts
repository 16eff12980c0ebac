import type { Bus, BusMessage, Listening } from './bus.ts';
import type { Places } from './places.ts';
import { QUEUE_GROUP } from './subjects.ts';

/** A server pays for each change of a queue group with its size (14 µs at 100 subscriptions, 306 at 10,000). */
const MAX_TICKETS = 8;

/**
 * Shows the free places of a node as queue subscriptions that take one ask each, so that a node without room can't win one.
 */
export class Tickets {
  readonly #bus: Bus;
  readonly #subject: string;
  readonly #places: Places;
  readonly #onAsk: (message: BusMessage) => void;
  readonly #up = new Set<Listening>();
  #isOpen = true;

  /** @param onAsk an ask for which there is room */
  constructor(bus: Bus, subject: string, places: Places, onAsk: (message: BusMessage) => void) {
    this.#bus = bus;
    this.#subject = subject;
    this.#places = places;
    this.#onAsk = onAsk;
  }

  /** Puts up or takes down as many as the free places want. */
  refresh(): void {
    const wanted = this.#isOpen && this.#bus.isUp ? Math.max(0, Math.min(MAX_TICKETS, this.#places.free)) : 0;
    while (this.#up.size < wanted) this.#putUp();
    for (const ticket of this.#up) {
      if (this.#up.size <= wanted) break;
      this.#takeDown(ticket);
    }
  }

  /**
   * Takes all down, because after a reconnect the library subscribes again and forgets that each was for one message.
   */
  withdraw(): void {
    for (const ticket of this.#up) this.#takeDown(ticket);
  }

  /** No more asks. */
  close(): void {
    this.#isOpen = false;
    this.withdraw();
  }

  #putUp(): void {
    const ticket = this.#bus.listen(
      this.#subject,
      (message) => {
        if (!this.#up.delete(ticket)) return;
        // An ask that gets no answer is asked again elsewhere.
        if (this.#places.free > 0) this.#onAsk(message);
        this.refresh();
      },
      { queue: QUEUE_GROUP, once: true },
    );
    this.#up.add(ticket);
  }

  #takeDown(ticket: Listening): void {
    this.#up.delete(ticket);
    ticket.stop();
  }
}
