import type { HostSessionOptions, InitializeOptions } from '../host/session-options.ts';
import { INITIAL_CREDIT } from '../wire/flow-limits.ts';
import type { Bus, BusMessage } from './bus.ts';
import { ClientSession } from './client-session.ts';
import type { Grant } from './grant.ts';
import { controlMessage, KIND, readHeader } from './session-message.ts';
import type { SessionTimes } from './session-times.ts';
import { randomId, type NodeId, type Subjects } from './subjects.ts';

/** A client's sessions: one with each node that it has something open with, or had lately. */
export class ClientSessions {
  /** The first message of new sessions, once the client has initialised the module. */
  init: InitializeOptions | undefined;
  readonly #bus: Bus;
  readonly #subjects: Subjects;
  readonly #inbox: string;
  readonly #times: SessionTimes;
  readonly #options: HostSessionOptions;
  readonly #byNode = new Map<NodeId, ClientSession>();
  readonly #byId = new Map<string, ClientSession>();

  constructor(bus: Bus, subjects: Subjects, inbox: string, times: SessionTimes, options: HostSessionOptions) {
    this.#bus = bus;
    this.#subjects = subjects;
    this.#inbox = inbox;
    this.#times = times;
    this.#options = options;
  }

  /** The session with the node that has promised a place. */
  of({ node, window }: Grant): ClientSession {
    return this.#byNode.get(node) ?? this.#begin(node, window);
  }

  /** Any session that there is. */
  any(): ClientSession | undefined {
    return this.#byNode.values().next().value;
  }

  /** A session without a place, for what needs none. */
  hello(node: NodeId): ClientSession {
    const there = this.#byNode.get(node);
    if (there !== undefined) return there;
    const session = this.#begin(node, INITIAL_CREDIT);
    session.channel.hello();
    return session;
  }

  /** Takes a message that is for a session, also for one that is over. @returns whether it is one */
  recv({ token, data, reply, isRefusal }: BusMessage): boolean {
    const session = this.#byId.get(token);
    if (session !== undefined) {
      if (isRefusal) session.channel.noResponders();
      else session.channel.recv(data);
      return true;
    }
    if (!/^[0-9a-f]{32}$/.test(token)) return false;
    const header = isRefusal ? undefined : readHeader(data);
    // A node that was taken for lost may be back: it ends what it still has of us.
    if (header !== undefined && header.kind !== KIND.bye && reply !== '') {
      const bye = controlMessage(KIND.bye, { seq: 0, ack: 0 }, 'the client knows no such session any more');
      this.#bus.publish(reply, bye);
    }
    return true;
  }

  reconnected(): void {
    for (const { channel } of this.#byNode.values()) channel.reconnected();
  }

  tick(elapsedMs: number): void {
    for (const session of [...this.#byNode.values()]) {
      if (session.tick(elapsedMs, this.#times.idleMs)) session.host.close();
    }
  }

  /** Ends all of them; what is open fails. */
  close(reason: string): void {
    for (const session of [...this.#byNode.values()]) {
      session.channel.close(reason);
      session.host.close();
    }
  }

  #begin(node: NodeId, firstWindow: number): ClientSession {
    const bus = this.#bus;
    // A new id for each session, also with the same node, because the numbers of the old one would be taken for its own.
    const id = randomId();
    const to = this.#subjects.session(node, id);
    const own = `${this.#inbox}.${id}`;
    const session: ClientSession = new ClientSession(
      node,
      {
        get isUp() {
          return bus.isUp;
        },
        get maxMessageBytes() {
          return bus.maxPayload;
        },
        publish: (message) => bus.publish(to, message, own),
        now: () => performance.now(),
      },
      this.#times,
      { ...this.#options, firstWindow },
      () => {
        this.#byId.delete(id);
        if (this.#byNode.get(node) === session) this.#byNode.delete(node);
      },
    );
    this.#byNode.set(node, session);
    this.#byId.set(id, session);
    // Its answer says nothing new; what the client accepts holds for the session from here on.
    if (this.init !== undefined) void session.host.initialize(this.init).catch(() => undefined);
    return session;
  }
}
