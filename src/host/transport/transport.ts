import type { Writable } from 'node:stream';
import type { ByteSource } from './byte-source.ts';

/** The reason why no more data comes from the module. */
export interface TransportEnd {
  /** The way in which the module ended, for a person. It becomes the error message of every pending call and stream. */
  readonly message: string;
  /** Whether the module ended on purpose (exit code 0). Then a torn message or a missing terminal frame is its fault. */
  readonly clean: boolean;
  /** Whether the module has never run, so that no call can have started there (default false). */
  readonly neverRan?: boolean;
}

export interface TransportHandlers {
  /** Bytes of any chunking. The view is valid during the call only. */
  onData(bytes: Uint8Array): void;
  /** The bytes that were queued when `write` returned false have gone out. */
  onDrain(): void;
  /** Called once, after the last `onData`. */
  onEnd(end: TransportEnd): void;
}

/** The byte stream to a module and back. A {@link HostSession} needs nothing else, and knows nothing else of processes. */
export interface Transport {
  /** Bytes that every write leaves free in front, for a header that the transport puts there without copying (default 0). */
  readonly headroom?: number;
  /** Begins to read. Called once, before any write. */
  start(handlers: TransportHandlers): void;
  /**
   * Queues `bytes`, which belong to the transport from then on. Returns false if the transport is clogged until `onDrain`: too many
   * bytes wait in it.
   *
   * @param onTaken to be called once the transport has no use for `bytes` any more, so that their memory serves again. A transport
   *   that keeps them, or can't tell, doesn't call it.
   */
  write(bytes: Uint8Array, onTaken?: () => void): boolean;
  /** Ends the module's input. No write follows. */
  end(): void;
  /** Drops both directions. `onEnd` still follows. */
  close(): void;
  /** Keeps the process alive from now on, because a promise is pending. A transport that always or never does so leaves it out. */
  ref?(): void;
  /** Lets the process end when it has nothing else to do, because no promise is pending. */
  unref?(): void;
}

/** Queued bytes past which a transport counts as clogged. */
export const CLOGGED_BYTES = 1_048_576;

/**
 * A transport over a child's streams in Node.
 *
 * `ended` resolves with the way in which the module ended, which only the owner of the process knows. It is awaited once `source`
 * has closed, and it must not reject.
 */
export class StreamTransport implements Transport {
  readonly #source: ByteSource;
  readonly #writable: Writable;
  readonly #ended: Promise<TransportEnd>;
  #clogged = false;
  readonly ref?: () => void;
  readonly unref?: () => void;

  /** @param hold keeps the process alive; if it is left out, source and writable do by themselves */
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
    // Ignored, because EPIPE only means that the module is gone, and its exit gives a better reason.
    this.#writable.on('error', () => undefined);
  }

  write(bytes: Uint8Array, onTaken?: () => void): boolean {
    if (!this.#writable.writable) return true;
    // Node calls back when the system has taken the bytes, or with an error: then nothing is written any more.
    const done = onTaken && ((error?: Error | null) => error ?? onTaken());
    // Node asks for a pause far below our limit. `drain` comes only after Node has asked, so our limit must be above Node's.
    if (!this.#writable.write(bytes, done)) this.#clogged = this.#writable.writableLength > CLOGGED_BYTES;
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
