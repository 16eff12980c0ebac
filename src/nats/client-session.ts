import { HostSession } from '../host/host-session.ts';
import type { HostSessionOptions } from '../host/session-options.ts';
import type { Transport, TransportHandlers } from '../host/transport/transport.ts';
import { Channel, type ChannelEnd, type ChannelPort } from './channel.ts';
import { HEADER_BYTES } from './session-message.ts';
import type { SessionTimes } from './session-times.ts';
import type { NodeId } from './subjects.ts';

/** A client's session with one node: the host's end of the module's protocol, over a channel instead of a pipe. */
export class ClientSession {
  readonly node: NodeId;
  readonly host: HostSession;
  readonly channel: Channel;
  readonly #handlers: TransportHandlers;
  #calls = 0;
  #idleFor = 0;
  #isClogged = false;
  #waitingForRoom: (() => void)[] = [];

  /** @param onEnd the session is over, and all that was open in it has failed */
  constructor(
    node: NodeId,
    port: ChannelPort,
    times: SessionTimes,
    options: HostSessionOptions,
    onEnd: () => void,
  ) {
    this.node = node;
    this.channel = new Channel(
      port,
      {
        onPlaces: () => undefined,
        onData: (bytes) => this.#handlers.onData(bytes),
        onDrain: () => {
          this.#isClogged = false;
          this.#handlers.onDrain();
          this.#letWaitingGo();
        },
        onOver: (end) => {
          onEnd();
          this.#handlers.onEnd({ clean: false, message: describe(node, end) });
          this.#letWaitingGo();
        },
        isBusy: () => this.isBusy,
      },
      times,
      'opener',
    );
    let handlers: TransportHandlers | undefined;
    const transport: Transport = {
      headroom: HEADER_BYTES,
      start: (given) => (handlers = given),
      write: (bytes) => {
        const goesOn = this.channel.send(bytes);
        this.#isClogged ||= !goesOn;
        return goesOn;
      },
      end: () => undefined,
      close: () => {
        this.channel.close('the client has left');
        onEnd();
        this.#handlers.onEnd({ clean: false, message: `The session with the node ${node} was closed here.` });
      },
    };
    this.host = new HostSession(transport, options);
    if (handlers === undefined) throw new Error('A session that does not start its transport.');
    this.#handlers = handlers;
  }

  /** Something is open, so that the node must be known to be there. */
  get isBusy(): boolean {
    return !this.host.hasNoStreams || this.#calls > 0;
  }

  /** Runs a call that the node owes an answer. */
  async call<T>(action: () => Promise<T>): Promise<T> {
    this.#calls += 1;
    try {
      // A body has no credit: it waits until the node has taken what was sent before.
      while (this.#isClogged && !this.channel.isOver) {
        await new Promise<void>((resolve) => void this.#waitingForRoom.push(resolve));
      }
      return await action();
    } finally {
      this.#calls -= 1;
    }
  }

  /** @returns whether nothing was open for `idleMs` */
  tick(elapsedMs: number, idleMs: number): boolean {
    this.channel.tick(elapsedMs);
    this.#idleFor = this.isBusy || this.channel.keptBytes > 0 ? 0 : this.#idleFor + elapsedMs;
    return this.#idleFor >= idleMs;
  }

  #letWaitingGo(): void {
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const resolve of waiting) resolve();
  }
}

function describe(node: NodeId, { kind, reason }: ChannelEnd): string {
  switch (kind) {
    case 'lost':
      return `The node ${node} is lost: ${reason}.`;
    case 'bye':
      return `The node ${node} has ended the session: ${reason}`;
    case 'fault':
      return `The session with the node ${node} is over: ${reason}`;
  }
}
