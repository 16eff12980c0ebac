import { FrameEncoder } from '../wire/frame-encoder.ts';
import type { StreamLink } from './streams/host-stream.ts';
import type { HostSessionOptions, SessionStats } from './session-options.ts';
import type { StreamOutbox } from './streams/stream-outbox.ts';
import type { Transport } from './transport/transport.ts';
import { WriteBatch } from './transport/write-batch.ts';

/** Counts every message to the module, passes it to `onWire`, and puts it on the transport. */
export class Outbound implements StreamLink {
  readonly #batch: WriteBatch;
  readonly #stats: SessionStats;
  readonly #onWire: HostSessionOptions['onWire'];
  readonly #awaitingDrain = new Set<StreamOutbox>();
  #stopped = false;

  /** @param stats of the session; outgoing messages and bytes are added to them */
  constructor(transport: Transport, stats: SessionStats, onWire: HostSessionOptions['onWire']) {
    this.#batch = new WriteBatch(transport);
    this.#stats = stats;
    this.#onWire = onWire;
  }

  get clogged(): boolean {
    return this.#batch.clogged;
  }

  awaitDrain(outbox: StreamOutbox): void {
    this.#awaitingDrain.add(outbox);
  }

  /** The transport is free again, so the streams that waited for that go on. */
  drained(): void {
    this.#batch.clogged = false;
    const outboxes = [...this.#awaitingDrain];
    this.#awaitingDrain.clear();
    for (const outbox of outboxes) outbox.pump();
  }

  write(message: Uint8Array): void {
    if (this.#stopped) return;
    this.#count(message.length);
    this.#onWire?.('out', message);
    this.#batch.append(message.length, message);
  }

  writeData(header: Uint8Array, payload: Uint8Array, payloadLength: number): void {
    const length = FrameEncoder.dataMessageBytes(payloadLength);
    this.#count(length);
    if (this.#onWire !== undefined) {
      const message = new Uint8Array(length);
      message.set(header);
      message.set(payload, header.length);
      this.#onWire('out', message);
    }
    this.#batch.append(length, header, payload, payloadLength);
  }

  /** Hands the gathered bytes to the transport. */
  flush(): void {
    this.#batch.flush();
  }

  /** The connection is over. No stream waits for the transport any more, and everything written from now on is dropped. */
  stop(): void {
    this.#stopped = true;
    this.#awaitingDrain.clear();
  }

  #count(bytes: number): void {
    this.#stats.framesOut += 1;
    this.#stats.bytesOut += bytes;
  }
}
