import type { StreamLink } from './host-stream.ts';
import type { StreamOutbox } from './stream-outbox.ts';

/**
 * The link of a stream that is open for its user before it is known which connection will carry it.
 *
 * Until it is bound it counts as clogged, so that Data waits in the outbox, and keeps what else is written (a Close, grants) in
 * order. From then on it passes everything through.
 */
export class LateLink implements StreamLink {
  #link: StreamLink | undefined;
  #early: Uint8Array[] = [];
  #outbox: StreamOutbox | undefined;

  get clogged(): boolean {
    return this.#link === undefined || this.#link.clogged;
  }

  awaitDrain(outbox: StreamOutbox): void {
    if (this.#link === undefined) this.#outbox = outbox;
    else this.#link.awaitDrain(outbox);
  }

  write(message: Uint8Array): void {
    if (this.#link === undefined) this.#early.push(message);
    else this.#link.write(message);
  }

  writeData(header: Uint8Array, payload: Uint8Array, payloadLength: number): void {
    // Data waits while the link is clogged, so it can't come here before the link is bound.
    this.#link?.writeData(header, payload, payloadLength);
  }

  /** The connection is known: writes the stream's Open, then what came before it, then what waits. */
  bind(link: StreamLink, open: Uint8Array): void {
    this.#link = link;
    link.write(open);
    const early = this.#early;
    this.#early = [];
    for (const message of early) link.write(message);
    const outbox = this.#outbox;
    this.#outbox = undefined;
    outbox?.pump();
  }
}
