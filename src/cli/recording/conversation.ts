import { dataCost, INITIAL_CREDIT } from '../../wire/flow-limits.ts';
import type { Content, Message } from './message.ts';

/** A service request of a module to its host. */
export interface ServiceRequest extends Readonly<Extract<Content, { kind: 'serviceRequest' }>> {
  readonly id: string;
}

/** One thing that the module was asked: a stream's life, or a request; and all that it said to it. */
export interface Exchange {
  /** The same for the same exchange of a recording and of its replay. */
  readonly key: string;
  readonly isStream: boolean;
  readonly id: string;
  /** The method of a stream or `handle`, else the kind of the request; empty where the module spoke unasked. */
  readonly method: string;
  /** The module's messages without credit and progress: Data and the terminal frame, or the answer. */
  readonly said: Content[];
  /** The host cancelled it, gave it a deadline, or left before it had ended: when exactly it ended is chance. */
  isTimed: boolean;
  isOver: boolean;
  /** Bytes that the host may send, and bytes of these that it has used. The difference is the balance. */
  credit: number;
}

/**
 * The messages of host and module, grouped by stream and request, in the order in which they come.
 *
 * Ids come back: each Open, and each request, of an id that is over begins an exchange of its own.
 */
export class Conversation {
  /** In the order in which they began. */
  readonly exchanges = new Map<string, Exchange>();
  /** The module's service requests, in order. */
  readonly serviceRequests: ServiceRequest[] = [];
  readonly #current = new Map<string, Exchange>();
  readonly #lives = new Map<string, number>();
  #firstWindow = INITIAL_CREDIT;

  /** @returns the exchange that it belongs to; undefined where it belongs to none */
  hostSaid({ isFrame, id, content }: Message): Exchange | undefined {
    switch (content.kind) {
      case 'open': {
        // An Open of a live id ends that stream, and is no stream of its own.
        const live = this.#live(true, id);
        if (live !== undefined) return live;
        const stream = this.#begin(true, id, content.context.method);
        stream.isTimed = content.context.deadlineUnixMs !== 0;
        return stream;
      }
      case 'handle':
        return this.#begin(false, id, content.context.method);
      case 'initialize':
      case 'health':
        return this.#begin(false, id, content.kind);
      case 'shutdown':
        this.hostLeft();
        return this.#begin(false, id, content.kind);
      case 'data': {
        const stream = this.#live(true, id);
        if (stream !== undefined) stream.credit -= dataCost(content.data.length);
        return stream;
      }
      case 'cancel':
      case 'error': {
        const stream = isFrame ? this.#live(true, id) : undefined;
        if (stream !== undefined) stream.isTimed = true;
        return stream;
      }
      case 'unreadable':
        return isFrame ? this.#live(true, id) : this.#begin(false, id, '');
      default:
        return isFrame ? this.#live(true, id) : undefined;
    }
  }

  /** The host has left, so from now on it is a matter of chance how the running streams end. */
  hostLeft(): void {
    for (const exchange of this.#current.values()) if (!exchange.isOver) exchange.isTimed = true;
  }

  /** @returns the exchange; undefined for a service request, which is none */
  moduleSaid({ isFrame, id, content }: Message): Exchange | undefined {
    if (content.kind === 'serviceRequest') {
      this.serviceRequests.push({ ...content, id });
      return undefined;
    }
    const exchange = this.#live(isFrame, id) ?? this.#begin(isFrame, id, '');
    if (content.kind === 'credit') {
      exchange.credit += content.credit;
      return exchange;
    }
    // Lossy by nature: how often it comes is a matter of time.
    if (content.kind === 'progress') return exchange;
    if (content.kind === 'initialized' && content.initialCredit > 0)
      this.#firstWindow = content.initialCredit;
    exchange.said.push(content);
    exchange.isOver = content.kind !== 'data';
    return exchange;
  }

  /** The stream of that id that has no terminal frame yet. */
  liveStream(id: string): Exchange | undefined {
    return this.#live(true, id);
  }

  #live(isStream: boolean, id: string): Exchange | undefined {
    const exchange = this.#current.get(nameOf(isStream, id));
    return exchange?.isOver === false ? exchange : undefined;
  }

  #begin(isStream: boolean, id: string, method: string): Exchange {
    const name = nameOf(isStream, id);
    const life = (this.#lives.get(name) ?? 0) + 1;
    const exchange: Exchange = {
      key: `${name} ${life}`,
      isStream,
      id,
      method,
      said: [],
      isTimed: false,
      isOver: false,
      credit: this.#firstWindow,
    };
    this.#lives.set(name, life);
    this.#current.set(name, exchange);
    this.exchanges.set(exchange.key, exchange);
    return exchange;
  }
}

function nameOf(isStream: boolean, id: string): string {
  return `${isStream ? 'stream' : 'request'} ${id}`;
}
