import type { Msg, NatsConnection, Status } from '@nats-io/transport-node';

/** One message of a subscription. */
export interface BusMessage {
  /** The last word of its subject. */
  readonly token: string;
  readonly data: Uint8Array;
  /** Where an answer goes; empty: nowhere. */
  readonly reply: string;
  /** It is the server's word that nobody listens where a message of ours went. */
  readonly isRefusal: boolean;
}

export interface Listening {
  stop(): void;
}

export interface ListenOptions {
  readonly queue?: string;
  /** Ends after the first message. */
  readonly once?: boolean;
}

export interface BusEvents {
  /** The connection is up again, and the subscriptions with it. */
  onUp(): void;
  onDown(): void;
  /** The server refuses something; the connection stays. */
  onRefused(error: Error): void;
  /** For good. */
  onClosed(): void;
}

/** How long a server may take for the last messages. */
const FLUSH_MS = 1_000;

/** A NATS connection as node and client use it. */
export class Bus {
  readonly #connection: NatsConnection;
  #events: BusEvents | undefined;
  #isUp = true;
  #refusal: Error | undefined;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#watch();
  }

  /** Says what happens to the connection, from now on. */
  watch(events: BusEvents): void {
    this.#events = events;
  }

  /** False while there is no server: the library would drop what is published. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** The largest payload that the server takes, in bytes. */
  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? 65_536;
  }

  /** The last refusal of the server. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  publish(subject: string, payload: Uint8Array | string, reply = ''): void {
    try {
      // The library writes into the options, so they are made anew.
      this.#connection.publish(subject, payload, reply === '' ? undefined : { reply });
    } catch (error) {
      // A connection that is being closed takes no more; what had to arrive is numbered, and its session ends by itself.
      if (!this.#connection.isClosed() && !this.#connection.isDraining()) throw error;
    }
  }

  listen(subject: string, onMessage: (message: BusMessage) => void, options: ListenOptions = {}): Listening {
    const { queue, once } = options;
    const subscription = this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      ...(once === true ? { max: 1 } : {}),
      callback: (error, message) => {
        if (error !== null) this.#refused(error);
        else guarded(() => onMessage(toBusMessage(message)));
      },
    });
    return {
      stop: () => {
        if (!subscription.isClosed()) subscription.unsubscribe();
      },
    };
  }

  /** Settles when the server has seen all that went before. @throws Error what it refused of that */
  async settle(): Promise<void> {
    await this.#connection.flush();
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** Closes the connection, once what was published has left, or at once where no server takes it. */
  async close(): Promise<void> {
    this.#events = undefined;
    if (this.#isUp) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_MS)));
      await Promise.race([this.#connection.flush().catch(() => undefined), late]);
      clearTimeout(timer);
    }
    await this.#connection.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) guarded(() => this.#onStatus(status));
    guarded(() => this.#closed());
  }

  #onStatus(status: Status): void {
    switch (status.type) {
      case 'disconnect':
        this.#isUp = false;
        this.#events?.onDown();
        return;
      case 'reconnect':
        this.#isUp = true;
        this.#events?.onUp();
        return;
      case 'error':
        this.#refused(status.error);
        return;
      case 'close':
        this.#closed();
        return;
      case 'reconnecting':
      case 'update':
      case 'ldm':
      case 'ping':
      case 'staleConnection':
      case 'forceReconnect':
      case 'slowConsumer':
    }
  }

  #refused(error: Error): void {
    this.#refusal = error;
    this.#events?.onRefused(error);
  }

  #closed(): void {
    this.#isUp = false;
    const events = this.#events;
    this.#events = undefined;
    events?.onClosed();
  }
}

function toBusMessage(message: Msg): BusMessage {
  const { subject, data, reply = '' } = message;
  return {
    token: subject.slice(subject.lastIndexOf('.') + 1),
    // A plain array: the library gives Buffers, whose `slice` is a view.
    data: new Uint8Array(data.buffer, data.byteOffset, data.length),
    reply,
    isRefusal: data.length === 0 && message.headers?.code === 503,
  };
}

/** A callback that throws ends the library's reader for good, and nothing says so. A fault of ours must be seen instead. */
function guarded(action: () => void): void {
  try {
    action();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
