import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { Framer } from '../../src/wire/capnp/framer.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import type { ErrorReport } from '../../src/errors.ts';
import type { Transport, TransportEnd, TransportHandlers } from '../../src/host/transport/transport.ts';
import { decodeMessage, type DecodedFrame, type DecodedMessage } from '../support/decoded-message.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

/** A module in memory that says exactly what a test tells it, and shows what the host has said. */
export class FakeModule {
  /** The host's end: for a {@link HostSession}. */
  readonly transport: Transport;
  /** Everything the host has written and `next` has not taken. */
  readonly #received: DecodedMessage[] = [];
  #waiting: ((message: DecodedMessage) => void)[] = [];
  #handlers: TransportHandlers | undefined;
  /** How many writes the transport has seen; frames of one turn must share one. */
  writes = 0;
  /** While true, each write asks the host to pause, as a pipe that nobody reads does. */
  clogged = false;
  inputEnded = false;
  closed = false;
  readonly #chunkBytes: number;

  /** @param chunkBytes how much of what is sent the host reads at once (default: all) */
  constructor(chunkBytes = Infinity) {
    this.#chunkBytes = chunkBytes;
    const framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
      const message = decodeMessage(bytes.slice(start, end));
      const reader = this.#waiting.shift();
      if (reader === undefined) this.#received.push(message);
      else reader(message);
    });
    this.transport = {
      start: (handlers) => {
        this.#handlers = handlers;
      },
      write: (bytes) => {
        this.writes += 1;
        framer.push(bytes);
        return !this.clogged;
      },
      end: () => {
        this.inputEnded = true;
      },
      close: () => {
        this.closed = true;
      },
    };
  }

  /** The next message of the host. */
  next(): Promise<DecodedMessage> {
    const message = this.#received.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** The next message, which must be a stream frame with that arm. */
  async nextFrame<A extends DecodedFrame['arm']>(arm: A): Promise<Extract<DecodedFrame, { arm: A }>> {
    const { frame } = await this.next();
    if (!isArm(frame, arm))
      throw new Error(`The host has sent ${frame?.arm ?? 'no stream frame'}, not ${arm}.`);
    return frame;
  }

  /** What the host has written beyond what was taken, once it had its turn to write. */
  async rest(): Promise<string[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.#received.map((message) => message.frame?.arm ?? message.type);
  }

  /** Hands the host bytes, cut into chunks in a buffer that is overwritten afterwards, as a read buffer is. */
  send(...messages: Uint8Array[]): void {
    const bytes = Uint8Array.from(Buffer.concat(messages));
    const size = Math.min(this.#chunkBytes, bytes.length);
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = bytes.slice(at, at + size);
      this.#handlers?.onData(chunk);
      chunk.fill(0xee);
    }
  }

  answer(requestId: string, payload: Uint8Array): void {
    this.send(encodeEnvelope('response', requestId, payload));
  }

  fail(requestId: string, report: ErrorReport): void {
    this.send(encodeEnvelope('error', requestId, encodeIpcError(report)));
  }

  data(id: StreamId, payload: Uint8Array): void {
    this.send(new FrameEncoder(id).data(payload));
  }

  credit(id: StreamId, bytes: number): void {
    this.send(new FrameEncoder(id).credit(bytes));
  }

  close(id: StreamId): void {
    this.send(new FrameEncoder(id).close());
  }

  error(id: StreamId, report: ErrorReport): void {
    this.send(new FrameEncoder(id).error(report));
  }

  /** The transport is free again. */
  drain(): void {
    this.clogged = false;
    this.#handlers?.onDrain();
  }

  /** The module is gone. */
  end(end: TransportEnd): void {
    this.#handlers?.onEnd(end);
  }
}

function isArm<A extends DecodedFrame['arm']>(
  frame: DecodedFrame | undefined,
  arm: A,
): frame is Extract<DecodedFrame, { arm: A }> {
  return frame?.arm === arm;
}
