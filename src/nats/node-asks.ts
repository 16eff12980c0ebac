import { EMPTY_PAYLOAD } from '../wire/envelope.ts';
import type { Bus, BusMessage } from './bus.ts';
import { parsePing, parseStats, pingSubject, statsSubject, type NodeInfo } from './discovery.ts';
import type { NodeId, Subjects } from './subjects.ts';

/** `nodes` ends this long after the last answer, and no later than the second. */
const QUIET_MS = 150;
const NODES_MS = 1_000;
const PING_MS = 250;

/** Questions of a client to all nodes at once. Each node answers for itself, and nobody knows how many will. */
export class NodeAsks {
  readonly #bus: Bus;
  readonly #subjects: Subjects;
  readonly #inbox: string;
  /** Receivers that wait for answers, by the word that ends their subject. */
  readonly #replies = new Map<string, (message: BusMessage) => void>();
  #nextNumber = 1;

  constructor(bus: Bus, subjects: Subjects, inbox: string) {
    this.#bus = bus;
    this.#subjects = subjects;
    this.#inbox = inbox;
  }

  /** Takes a message that answers such an ask. @returns whether it does */
  recv(message: BusMessage): boolean {
    const reply = this.#replies.get(message.token);
    reply?.(message);
    return reply !== undefined;
  }

  /** The nodes that answer within a second, in the order of their ids. */
  async all(): Promise<NodeInfo[]> {
    const nodes: NodeInfo[] = [];
    await this.#gather(statsSubject(this.#subjects), NODES_MS, ({ data }) => {
      const info = parseStats(data);
      if (info !== undefined) nodes.push(info);
      return false;
    });
    return nodes.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The first node that answers, if one does within a quarter of a second. */
  async first(): Promise<NodeId | undefined> {
    let node: NodeId | undefined;
    await this.#gather(pingSubject(this.#subjects), PING_MS, ({ data }) => {
      node ??= parsePing(data);
      return node !== undefined;
    });
    return node;
  }

  /** Asks all nodes, until an answer is the last, none came for a while, or the time is over. */
  async #gather(subject: string, ms: number, onAnswer: (message: BusMessage) => boolean): Promise<void> {
    const token = `all-${this.#nextNumber++}`;
    let timer: NodeJS.Timeout | undefined;
    let quiet: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
      this.#replies.set(token, (message) => {
        clearTimeout(quiet);
        // Nobody listens: no more will come. The pause keeps those who ask again from asking without one.
        quiet = setTimeout(resolve, QUIET_MS);
        if (!message.isRefusal && onAnswer(message)) resolve();
      });
      this.#bus.publish(subject, EMPTY_PAYLOAD, `${this.#inbox}.${token}`);
    });
    clearTimeout(timer);
    clearTimeout(quiet);
    this.#replies.delete(token);
  }
}
