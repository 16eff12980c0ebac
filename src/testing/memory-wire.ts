import { holdProcess, releaseProcess } from '../host/transport/process-hold.ts';
import type { Transport, TransportEnd, TransportHandlers } from '../host/transport/transport.ts';
import { sizesOf, type ChunkSizes } from './chunks.ts';
import { setImmediate, turn } from './real-time.ts';
import type { WireSink } from '../main/output/sink.ts';
import type { SourceEvents, WireSource } from '../main/input/source.ts';

/**
 * Carries bytes in memory between a host's session and main, both ways. They arrive in a later turn of the event loop, cut as the
 * test wants, in a buffer that is overwritten afterwards, as a read buffer is.
 */
export class MemoryWire {
  readonly transport: Transport;
  readonly sink: WireSink;
  readonly #toModule: Direction;
  readonly #toHost: Direction;
  #handlers: TransportHandlers | undefined;
  #hasEnded = false;

  /** @param sizes of the chunks that each side reads; by default what was written at once */
  constructor(sizes: ChunkSizes | undefined) {
    this.#toModule = new Direction(sizes);
    this.#toHost = new Direction(sizes);
    this.transport = {
      start: (handlers) => {
        this.#handlers = handlers;
        this.#toHost.listen({ onBytes: (bytes) => handlers.onData(bytes), onEnd: () => {} });
      },
      write: (bytes) => {
        this.#toModule.push(bytes);
        return true;
      },
      end: () => this.#toModule.end(),
      close: () => this.#toModule.end(),
      ref: holdProcess,
      unref: releaseProcess,
    };
    this.sink = {
      write: (bytes, done) => {
        this.#toHost.push(bytes);
        done();
      },
    };
  }

  /** Takes what a worker on the test's own thread writes by itself. @returns the bytes taken: all of them */
  attemptWrite(bytes: Uint8Array, offset: number, length: number): number {
    this.#toHost.push(bytes.subarray(offset, offset + length));
    return length;
  }

  openSource(events: SourceEvents): WireSource {
    this.#toModule.listen(events);
    return this.#toModule;
  }

  /** Ends the wire because the module has ended: the host reads what is left, and then the end. */
  async end(end: TransportEnd): Promise<void> {
    while (!this.#toHost.isIdle) await turn();
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#toModule.pause();
    this.#handlers?.onEnd(end);
  }

  get isIdle(): boolean {
    return this.#toModule.isIdle && this.#toHost.isIdle;
  }
}

/** Carries one direction: it keeps a queue of writes, which a later turn delivers. */
class Direction implements WireSource {
  readonly #sizes: (() => number) | undefined;
  #queue: Uint8Array[] = [];
  #events: SourceEvents | undefined;
  #isPaused = false;
  #isEnded = false;
  #scheduled = false;

  constructor(sizes: ChunkSizes | undefined) {
    this.#sizes = sizes === undefined ? undefined : sizesOf(sizes);
  }

  get isIdle(): boolean {
    return !this.#scheduled;
  }

  push(bytes: Uint8Array): void {
    // A ring's bytes are overwritten as soon as the write is done.
    this.#queue.push(bytes.slice());
    this.#schedule();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#schedule();
  }

  listen(events: SourceEvents): void {
    this.#events = events;
    this.#schedule();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const events = this.#events;
    if (events === undefined) return;
    for (;;) {
      if (this.#isPaused) return;
      const written = this.#queue.shift();
      if (written === undefined) break;
      const size = Math.min(this.#sizes?.() ?? Infinity, written.length);
      if (size < written.length) this.#queue.unshift(written.subarray(size));
      const read = written.slice(0, size);
      events.onBytes(read);
      read.fill(0xee);
    }
    if (!this.#isEnded) return;
    this.#events = undefined;
    events.onEnd();
  }
}
