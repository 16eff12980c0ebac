import { uninitialised } from '../../base/buffers.ts';
import { Framer } from '../../wire/capnp/framer.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import type { WireLimits } from '../../wire/capnp/limits.ts';
import type { Demux } from './demux.ts';
import type { SourceEvents, WireSource } from './source.ts';

/** The part of main that the read loop reports to. */
export interface ReadLoopHost {
  /** All messages that one read brought have been routed. */
  onRead(): void;
  /** The connection's bytes can't be understood: nothing more is read. */
  onBroken(error: MalformedError): void;
  onInputEnd(): void;
  log(line: string): void;
}

/** Reads the bytes of the host and cuts them into messages. Reading waits for writing only while {@link ReadLoop.allow} forbids it. */
export class ReadLoop {
  readonly #host: ReadLoopHost;
  readonly #framer: Framer;
  readonly #source: WireSource;
  #isReading = true;
  #isBroken = false;
  #isListening = true;
  bytesIn = 0;

  /** Reads from now on, but not before the end of this turn. */
  constructor(
    limits: WireLimits,
    openSource: (events: SourceEvents) => WireSource,
    demux: Demux,
    host: ReadLoopHost,
  ) {
    this.#host = host;
    // A worker can be given a large message's own buffer as it is.
    this.#framer = new Framer(
      limits,
      (bytes, start, end, isOwn) => demux.route(bytes, start, end, isOwn),
      uninitialised,
    );
    this.#source = openSource({
      room: () => this.#framer.room,
      onBytes: (bytes) => this.#onBytes(bytes),
      onEnd: () => this.#onEnd(),
    });
  }

  /** Pauses reading while the host has too many unread answers, and resumes it. */
  allow(mayRead: boolean): void {
    if (mayRead === this.#isReading || this.#isBroken) return;
    this.#isReading = mayRead;
    if (mayRead) this.#source.resume();
    else this.#source.pause();
  }

  /** Nothing that the host writes is looked at any more. */
  stopListening(): void {
    this.#isListening = false;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#isBroken || !this.#isListening) return;
    this.bytesIn += bytes.length;
    try {
      this.#framer.push(bytes);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#isBroken = true;
      this.#source.pause();
      this.#host.onBroken(error);
    }
    this.#host.onRead();
  }

  #onEnd(): void {
    if (this.#isBroken) return;
    const { pendingBytes } = this.#framer;
    if (this.#isListening && pendingBytes > 0)
      this.#host.log(`the host's input ended inside a message, after ${pendingBytes} of its bytes`);
    this.#host.onInputEnd();
  }
}
