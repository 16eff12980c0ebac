import type { Bus, BusMessage } from './bus.ts';
import { Channel } from './channel.ts';
import type { Places } from './places.ts';
import type { Relay } from './relay.ts';
import { ClientRelay } from './relay-session.ts';
import { controlMessage, KIND, readHeader, VERSION } from './session-message.ts';
import type { SessionTimes } from './session-times.ts';

/** More than a node of a thousand places has clients; each costs some 10 KiB at rest. */
const MAX_SESSIONS = 10_000;

interface NodeSession {
  readonly channel: Channel;
  readonly client: ClientRelay;
  /** How long nothing was open and nothing came, in ms. */
  idleFor: number;
}

/** The sessions of a node with its clients. */
export class NodeSessions {
  readonly #bus: Bus;
  readonly #relay: Relay;
  readonly #places: Places;
  readonly #times: SessionTimes;
  readonly #subjectOf: (session: string) => string;
  readonly #sessions = new Map<string, NodeSession>();
  readonly #timer: NodeJS.Timeout;
  #lastTick = performance.now();

  constructor(
    bus: Bus,
    relay: Relay,
    places: Places,
    times: SessionTimes,
    subjectOf: (session: string) => string,
  ) {
    this.#bus = bus;
    this.#relay = relay;
    this.#places = places;
    this.#times = times;
    this.#subjectOf = subjectOf;
    this.#timer = setInterval(() => this.#tick(), times.tickMs);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Nothing was sent that a client has not acknowledged. */
  get isQuiet(): boolean {
    for (const { channel, client } of this.#sessions.values()) {
      client.flush();
      if (channel.keptBytes > 0) return false;
    }
    return true;
  }

  /** A message for one session of the node. */
  recv({ token, data, reply, isRefusal }: BusMessage): void {
    const session = this.#sessions.get(token);
    if (isRefusal) {
      session?.channel.noResponders();
      return;
    }
    if (session !== undefined) {
      session.idleFor = 0;
      session.channel.recv(data);
      return;
    }
    const header = readHeader(data);
    if (header === undefined || header.kind === KIND.bye || reply === '') return;
    const isNew = header.kind === KIND.claim && header.seq === 1 && header.version === VERSION;
    if (isNew && this.#sessions.size < MAX_SESSIONS) this.#begin(token, reply).channel.recv(data);
    else {
      // One rule ends what a frozen, restarted or forgetful peer has left behind.
      const reason = isNew
        ? 'it has too many clients'
        : `it knows no such session (it speaks version ${VERSION})`;
      this.#bus.publish(reply, controlMessage(KIND.bye, { seq: 0, ack: 0 }, reason));
    }
  }

  /** The node's connection is up again. */
  reconnected(): void {
    for (const { channel } of this.#sessions.values()) channel.reconnected();
  }

  /** Ends all sessions and tells the clients why. */
  close(reason: string): void {
    clearInterval(this.#timer);
    for (const [id, { channel, client }] of this.#sessions) {
      this.#sessions.delete(id);
      channel.close(reason);
      client.drop(reason);
    }
  }

  #begin(id: string, client: string): NodeSession {
    const bus = this.#bus;
    const own = this.#subjectOf(id);
    const channel: Channel = new Channel(
      {
        get isUp() {
          return bus.isUp;
        },
        get maxMessageBytes() {
          return bus.maxPayload;
        },
        publish: (message) => bus.publish(client, message, own),
        now: () => performance.now(),
      },
      {
        onPlaces: (places) => relay.claim(places),
        onData: (bytes) => relay.push(bytes),
        onDrain: () => relay.drained(),
        onOver: ({ reason }) => {
          this.#sessions.delete(id);
          relay.drop(`the client is gone: ${reason}`);
        },
        isBusy: () => relay.isBusy,
      },
      this.#times,
      'listener',
    );
    const relay = new ClientRelay(this.#relay, channel, this.#places, (reason) => {
      this.#sessions.delete(id);
      channel.close(reason);
      relay.drop(reason);
    });
    const session = { channel, client: relay, idleFor: 0 };
    this.#sessions.set(id, session);
    return session;
  }

  #tick(): void {
    const now = performance.now();
    const elapsed = now - this.#lastTick;
    this.#lastTick = now;
    const { beatMs, idleMs } = this.#times;
    for (const [id, session] of this.#sessions) {
      const { channel, client } = session;
      channel.tick(elapsed);
      session.idleFor = client.isBusy ? 0 : session.idleFor + Math.min(elapsed, 2 * beatMs);
      // Its client closes it after idleMs; this one has gone without a word.
      if (session.idleFor < 2 * idleMs) continue;
      this.#sessions.delete(id);
      channel.close('nothing was open for long');
      client.drop('nothing was open for long');
    }
  }
}
