import type { Writable } from 'node:stream';
import type { ByteSource } from './byte-source.ts';

/** Why no more data comes from the module. */
export interface TransportEnd {
  /** For a person: how the module ended. Becomes the message of everything that was still pending. */
  readonly message: string;
  /** The module ended on purpose (exit code 0): a torn message or a missing terminal frame is then its fault. */
  readonly clean: boolean;
  /** The module has never come to run, so no call can have started there (default false). */
  readonly neverRan?: boolean;
}

export interface TransportHandlers {
  /** Bytes of any chunking. The view is valid during the call only. */
  onData(bytes: Uint8Array): void;
  /** What was queued when `write` returned false has gone out. */
  onDrain(): void;
  /** Called once, after the last `onData`. */
  onEnd(end: TransportEnd): void;
}

/** The byte stream to a module and back; what a {@link HostSession} needs, and all that it knows of processes. */
export interface Transport {
  /** Begins to read. Called once, before any write. */
  start(handlers: TransportHandlers): void;
  /** Queues `bytes`, which belong to the transport from then on; false: clogged until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** No more writes: the module reads the end of its input. */
  end(): void;
  /** Drops both directions. `onEnd` still follows. */
  close(): void;
  /** Holds the process from now on: a promise is pending. Left out by a transport that always does, or never. */
  ref?(): void;
  /** Lets the process end when it has nothing else to do: no promise is pending. */
  unref?(): void;
}

/** Queued bytes past which a transport counts as clogged. */
export const CLOGGED_BYTES = 1_048_576;

/**
 * A transport over what a child's descriptors are in Node.
 *
 * `ended` says how the module ended, and is awaited once `source` has closed: only the owner of the process knows. It must
 * not reject.
 */
export class StreamTransport implements Transport {
  readonly #source: ByteSource;
  readonly #writable: Writable;
  readonly #ended: Promise<TransportEnd>;
  #clogged = false;
  readonly ref?: () => void;
  readonly unref?: () => void;

  /** @param hold what holds the process; left out, source and writable do as they are */
  constructor(
    source: ByteSource,
    writable: Writable,
    ended: Promise<TransportEnd>,
    hold?: Required<Pick<Transport, 'ref' | 'unref'>>,
  ) {
    if (hold !== undefined) {
      this.ref = () => hold.ref();
      this.unref = () => hold.unref();
    }
    this.#source = source;
    this.#writable = writable;
    this.#ended = ended;
  }

  start(handlers: TransportHandlers): void {
    this.#source.listen((bytes) => handlers.onData(bytes));
    void this.#source.closed.then(async () => handlers.onEnd(await this.#ended));
    this.#writable.on('drain', () => {
      this.#clogged = false;
      handlers.onDrain();
    });
    // EPIPE says that the module is gone, and its exit says it better.
    this.#writable.on('error', () => undefined);
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#writable.writable) return true;
    // Node asks for a pause far below our limit; `drain` follows only where it did, so the limit must lie above its own.
    if (!this.#writable.write(bytes)) this.#clogged = this.#writable.writableLength > CLOGGED_BYTES;
    return !this.#clogged;
  }

  end(): void {
    this.#writable.end();
  }

  close(): void {
    this.#writable.destroy();
    this.#source.destroy();
  }
}
