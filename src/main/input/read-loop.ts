import { Framer } from '../../wire/capnp/framer.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import type { WireLimits } from '../../wire/capnp/limits.ts';
import type { SourceEvents, WireSource } from './source.ts';

export interface ReadLoopContext {
  readonly limits: WireLimits;
  openSource(events: SourceEvents): WireSource;
  /** One whole message, `bytes[start, end)`: valid during the call. */
  onMessage(bytes: Uint8Array, start: number, end: number): void;
  /** All messages that one read brought have been routed. */
  onRead(): void;
  /** The connection's bytes can't be understood: nothing more is read. */
  onBroken(error: MalformedError): void;
  onEnd(): void;
  log(line: string): void;
}

/** What the host writes, from its descriptor to whole messages. Reading never waits for writing, but where {@link ReadLoop.allow} says so. */
export class ReadLoop {
  readonly #context: ReadLoopContext;
  readonly #framer: Framer;
  readonly #source: WireSource;
  #isReading = true;
  #isBroken = false;
  #isListening = true;
  bytesIn = 0;

  /** Reads from now on, but not before the end of this turn. */
  constructor(context: ReadLoopContext) {
    this.#context = context;
    this.#framer = new Framer(context.limits, (bytes, start, end) => context.onMessage(bytes, start, end));
    this.#source = context.openSource({
      onBytes: (bytes) => this.#onBytes(bytes),
      onEnd: () => this.#onEnd(),
    });
  }

  /** Whether the host may get further; not while it owes us a read. */
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
      this.#context.onBroken(error);
    }
    this.#context.onRead();
  }

  #onEnd(): void {
    if (this.#isBroken) return;
    const { pendingBytes } = this.#framer;
    if (this.#isListening && pendingBytes > 0)
      this.#context.log(`the host's input ended inside a message, after ${pendingBytes} of its bytes`);
    this.#context.onEnd();
  }
}
