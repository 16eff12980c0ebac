import type { Channel, ChannelEnd, ChannelEvents, ChannelPort } from '../../../src/nats/channel.ts';
import { HEADER_BYTES } from '../../../src/nats/session-message.ts';

/** What a history may do to the messages of one direction. */
export type Fate = 'deliver' | 'drop' | 'twice' | 'break';

/** One side's way to the other, and its own connection to the server that may break. */
export class FakePort implements ChannelPort {
  isUp = true;
  readonly maxMessageBytes: number;
  /** Under way, the oldest first. */
  readonly underWay: Uint8Array[] = [];
  readonly #now: () => number;

  constructor(now: () => number, maxMessageBytes: number) {
    this.#now = now;
    this.maxMessageBytes = maxMessageBytes;
  }

  publish(message: Uint8Array): void {
    // As the client library: what is published while the connection is down is lost.
    if (this.isUp) this.underWay.push(message.slice());
  }

  now(): number {
    return this.#now();
  }
}

/** What one side of a session was given by its channel. */
export class FakeEnd implements ChannelEvents {
  readonly received: number[] = [];
  readonly places: string[] = [];
  over: string | undefined;
  drains = 0;
  busy = true;

  onPlaces(places: readonly string[]): void {
    this.places.push(...places);
  }

  onData(bytes: Uint8Array): void {
    this.received.push(...bytes);
  }

  onDrain(): void {
    this.drains += 1;
  }

  onOver({ reason }: ChannelEnd): void {
    if (this.over !== undefined) throw new Error('over twice');
    this.over = reason;
  }

  isBusy(): boolean {
    return this.busy;
  }
}

/** Sends `body` as a caller does: with room for the header in front. */
export function sendBody(channel: Channel, body: Uint8Array): boolean {
  const message = new Uint8Array(HEADER_BYTES + body.length);
  message.set(body, HEADER_BYTES);
  return channel.send(message);
}
