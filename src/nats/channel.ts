import {
  ANSWER,
  byeText,
  controlMessage,
  HEADER_BYTES,
  KIND,
  PLACE_BYTES,
  placesOf,
  readHeader,
  SEND_AGAIN,
  VERSION,
  writeHeader,
  type SessionHeader,
} from './session-message.ts';
import { KeptMessages } from './kept-messages.ts';
import type { SessionTimes } from './session-times.ts';

/** The way to the other side, which may lose messages and keeps their order. */
export interface ChannelPort {
  /** False while the own connection to the server is down: what is published then is lost. */
  readonly isUp: boolean;
  /** The largest message, its header counted in. */
  readonly maxMessageBytes: number;
  publish(message: Uint8Array): void;
  /** Milliseconds since some moment. */
  now(): number;
}

/** How a session ended: the other side said bye, nobody is there any more, or one side broke the rules. */
export interface ChannelEnd {
  readonly kind: 'bye' | 'lost' | 'fault';
  readonly reason: string;
}

export interface ChannelEvents {
  /** The other side claims these places; what comes next uses them. */
  onPlaces(places: readonly string[]): void;
  /** Bytes of the other side, in order, each once. Valid during the call only. */
  onData(bytes: Uint8Array): void;
  /** Messages that `send` had no room for may be sent now, because others were acknowledged. */
  onDrain(): void;
  /** The session is over; nothing else is called. @param end for a person: why, and whether the peer was lost or has said so */
  onOver(end: ChannelEnd): void;
  /** Whether something is open, so that the other side must be known to be there. */
  isBusy(): boolean;
}

/** Messages are cut at this size, headers counted in: smaller than what servers take by default, so that others get their turn. */
const MAX_MESSAGE_BYTES = 262_144 + HEADER_BYTES;
/** So much received since the last acknowledgement is acknowledged at once. */
const ACK_BYTES = 262_144;
/** So much sent and not acknowledged asks for a pause. */
const CLOGGED_BYTES = 8 << 20;
/** Bytes that one session may have sent and not seen acknowledged. */
export const MAX_KEPT_BYTES = 64 << 20;

/**
 * One side of a session: an ordered stream of bytes each way over messages that may be lost.
 *
 * Core NATS loses what is under way when a connection breaks, and says nothing. So each side numbers what it sends, keeps it
 * until the other has acknowledged it, and sends it again when asked. While the own connection is down nothing is published,
 * because the client library would drop it; it is kept, and sent again after the reconnect.
 *
 *     up ──own connection down, or the server says that nobody listens──► apart ──heard again──► up
 *     apart ──for goneMs, or silent for silentMs──► over        any ──bye──► over
 */
export class Channel {
  readonly #port: ChannelPort;
  readonly #events: ChannelEvents;
  readonly #times: SessionTimes;
  /** The side that opens the session begins with a claim, which tells a new session from one that the other has forgotten. */
  readonly #isOpener: boolean;
  readonly #kept = new KeptMessages();
  #claims: string[] = [];
  #sent = 0;
  #received = 0;
  /** The highest number that the other side is known to have sent. */
  #announced = 0;
  #unacknowledgedBytes = 0;
  #isAckOwed = false;
  #isClogged = false;
  #isOver = false;
  #lastResend = -Infinity;
  #sinceBeat = 0;
  #silentFor = 0;
  /** How long something is missing since it was last asked for; undefined: nothing is. */
  #missingFor: number | undefined;
  /** How long the server has said that nobody listens there; undefined: it doesn't. */
  #goneFor: number | undefined;
  #goneLimit: number;

  constructor(port: ChannelPort, events: ChannelEvents, times: SessionTimes, role: 'opener' | 'listener') {
    this.#port = port;
    this.#events = events;
    this.#times = times;
    this.#isOpener = role === 'opener';
    this.#goneLimit = times.goneMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that were sent and are not acknowledged. */
  get keptBytes(): number {
    return this.#kept.bytes;
  }

  /** A promised place that the next bytes use. */
  claim(place: string): void {
    this.#claims.push(place);
  }

  /** Begins the session without a place. */
  hello(): void {
    this.send(new Uint8Array(HEADER_BYTES));
  }

  /**
   * Sends bytes, which belong to the channel from then on.
   *
   * @param message the bytes, with {@link HEADER_BYTES} in front for the header
   * @returns false: so much is not acknowledged that the caller should wait for `onDrain`
   */
  send(message: Uint8Array): boolean {
    if (this.#isOver) return true;
    const places = this.#claims;
    this.#claims = [];
    const isClaim = places.length > 0 || (this.#isOpener && this.#sent === 0);
    const whole = places.length === 0 ? message : withPlaces(message, places);
    const limit = Math.min(MAX_MESSAGE_BYTES, this.#port.maxMessageBytes);
    this.#transmit(isClaim ? KIND.claim : KIND.data, places.length, whole.subarray(0, limit));
    // The rest in pieces with headers of their own: what lies ahead of each belongs to the piece before, which is kept.
    for (let at = limit; at < whole.length; at += limit - HEADER_BYTES) {
      const body = whole.subarray(at, at + limit - HEADER_BYTES);
      const piece = new Uint8Array(HEADER_BYTES + body.length);
      piece.set(body, HEADER_BYTES);
      this.#transmit(KIND.data, 0, piece);
    }
    if (this.#kept.bytes > MAX_KEPT_BYTES) {
      this.#die(
        'fault',
        `More than ${MAX_KEPT_BYTES >> 20} MiB were sent that the other side has not taken.`,
        true,
      );
    }
    if (this.#kept.bytes > CLOGGED_BYTES) this.#isClogged = true;
    return !this.#isClogged;
  }

  /** One message of the other side. */
  recv(message: Uint8Array): void {
    if (this.#isOver) return;
    const header = readHeader(message);
    if (header === undefined) return;
    if (header.version !== VERSION && header.kind !== KIND.bye) {
      this.#die(
        'fault',
        `The other side speaks version ${header.version} of sessions, and this one ${VERSION}.`,
        true,
      );
      return;
    }
    this.#heard();
    if (!this.#acknowledged(header.ack)) return;
    switch (header.kind) {
      case KIND.data:
      case KIND.claim:
        this.#recvNumbered(header, message);
        return;
      case KIND.beat:
        if ((header.flags & ANSWER) !== 0) this.#isAckOwed = true;
        this.#lookForGap(header.seq);
        if ((header.flags & SEND_AGAIN) !== 0) this.#resend();
        return;
      case KIND.bye:
        this.#die('bye', byeText(message), false);
        return;
      default:
        this.#die('fault', `The other side has sent a message of kind ${header.kind}.`, true);
    }
  }

  /** The server has said that nobody listens where this session's messages go. */
  noResponders(): void {
    if (this.#isOver) return;
    this.#goneFor ??= 0;
    if (this.#goneFor >= this.#goneLimit) this.#die('lost', 'nobody answers there any more', false);
  }

  /** The own connection is up again: tells the other side what it may lack, and asks for what may be missing here. */
  reconnected(): void {
    if (this.#isOver) return;
    this.#goneFor = undefined;
    this.#goneLimit = this.#times.goneMs + this.#times.rejoinMs;
    if (this.#sent > 0 || this.#received > 0) this.#beat(SEND_AGAIN | ANSWER);
  }

  /**
   * Called every `tickMs`. A process that stood still must first read what came meanwhile, so one tick never counts for more
   * than two beats.
   */
  tick(elapsedMs: number): void {
    if (this.#isOver) return;
    const { beatMs, silentMs, tickMs } = this.#times;
    const step = Math.min(elapsedMs, 2 * beatMs);
    const isBusy = !this.#kept.isEmpty || this.#events.isBusy();
    this.#silentFor = isBusy ? this.#silentFor + step : 0;
    if (this.#silentFor >= silentMs) {
      this.#die('lost', `nothing was heard of it for ${silentMs} ms`, true);
      return;
    }
    if (!this.#port.isUp) return;
    this.#sinceBeat += step;
    if (this.#goneFor !== undefined) this.#goneFor += step;
    if (this.#missingFor !== undefined && (this.#missingFor += step) >= beatMs) {
      this.#askAgain();
      return;
    }
    const isApart = this.#goneFor !== undefined || this.#silentFor > 2 * beatMs;
    const due = this.#isAckOwed || (isBusy && (isApart || this.#sinceBeat >= beatMs - tickMs / 2));
    if (due) this.#beat(isBusy ? ANSWER : 0);
  }

  /** Ends the session and tells the other side why. `onOver` isn't called. */
  close(reason: string): void {
    if (this.#isOver) return;
    this.#end();
    this.#bye(reason);
  }

  /** Numbers a message, keeps it, and publishes it if that makes sense now. */
  #transmit(kind: number, places: number, message: Uint8Array): void {
    const seq = (this.#sent += 1);
    writeHeader(message, { kind, flags: 0, places, seq, ack: this.#received });
    this.#kept.add(seq, message);
    if (this.#port.isUp) this.#publish(message);
  }

  #recvNumbered({ seq, places }: SessionHeader, message: Uint8Array): void {
    if (seq !== this.#received + 1) {
      this.#lookForGap(seq);
      return;
    }
    this.#received = seq;
    this.#isAckOwed = true;
    if (this.#missingFor !== undefined) this.#missingFor = seq >= this.#announced ? undefined : 0;
    const bodyAt = HEADER_BYTES + places * PLACE_BYTES;
    if (places > 0) this.#events.onPlaces(placesOf(message, places));
    if (!this.#isOver && message.length > bodyAt) this.#events.onData(message.subarray(bodyAt));
    if (this.#isOver) return;
    this.#unacknowledgedBytes += message.length;
    if (this.#unacknowledgedBytes >= ACK_BYTES && this.#port.isUp) this.#beat(0);
  }

  #lookForGap(seq: number): void {
    if (seq > this.#announced) this.#announced = seq;
    if (this.#announced > this.#received && this.#missingFor === undefined) this.#askAgain();
  }

  #askAgain(): void {
    this.#missingFor = 0;
    if (this.#port.isUp) this.#beat(SEND_AGAIN);
  }

  /** False: it acknowledges what was never sent, and the session is over. */
  #acknowledged(ack: number): boolean {
    if (ack > this.#sent) {
      this.#die(
        'fault',
        `The other side has acknowledged message ${ack}, and ${this.#sent} were sent.`,
        true,
      );
      return false;
    }
    this.#kept.dropUpTo(ack);
    if (this.#isClogged && this.#kept.bytes <= CLOGGED_BYTES / 2) {
      this.#isClogged = false;
      this.#events.onDrain();
    }
    return !this.#isOver;
  }

  #resend(): void {
    const now = this.#port.now();
    if (!this.#port.isUp || now - this.#lastResend < this.#times.resendMs) return;
    this.#lastResend = now;
    for (const message of this.#kept.messages()) {
      // After a reconnect it may be another server, with another limit.
      if (message.length > this.#port.maxMessageBytes) {
        this.#die(
          'fault',
          `The server takes messages of ${this.#port.maxMessageBytes} bytes, and ${message.length} are to be sent again.`,
          true,
        );
        return;
      }
      this.#port.publish(message);
    }
  }

  #heard(): void {
    this.#silentFor = 0;
    this.#goneFor = undefined;
    this.#goneLimit = this.#times.goneMs;
  }

  #beat(flags: number): void {
    this.#publish(controlMessage(KIND.beat, { flags, seq: this.#sent, ack: this.#received }));
  }

  /** Every message acknowledges what was received. */
  #publish(message: Uint8Array): void {
    this.#isAckOwed = false;
    this.#unacknowledgedBytes = 0;
    this.#sinceBeat = 0;
    this.#port.publish(message);
  }

  #bye(reason: string): void {
    if (this.#port.isUp) {
      this.#port.publish(controlMessage(KIND.bye, { seq: this.#sent, ack: this.#received }, reason));
    }
  }

  #die(kind: ChannelEnd['kind'], reason: string, tellsPeer: boolean): void {
    this.#end();
    if (tellsPeer) this.#bye(reason);
    this.#events.onOver({ kind, reason });
  }

  #end(): void {
    this.#isOver = true;
    this.#kept.clear();
    this.#claims = [];
  }
}

/** `message` with places between its header and its bytes. */
function withPlaces(message: Uint8Array, places: readonly string[]): Uint8Array {
  const placesEnd = HEADER_BYTES + places.length * PLACE_BYTES;
  const claim = new Uint8Array(placesEnd + message.length - HEADER_BYTES);
  new TextEncoder().encodeInto(places.join(''), claim.subarray(HEADER_BYTES));
  claim.set(message.subarray(HEADER_BYTES), placesEnd);
  return claim;
}
