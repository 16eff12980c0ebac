import type { ControlBlock } from '../../shared-memory/region.ts';
import { OPEN_HEADER, type StreamTask } from '../../threads/messages.ts';
import type { InvocationContext } from '../../wire/context.ts';
import { FrameDecoder } from '../../wire/frame.ts';
import { streamIdFromWords, type IdWords, type StreamId } from '../../wire/stream-id.ts';
import type { WireLimits } from '../../wire/capnp/limits.ts';

/** A stream that main has given to this thread. */
export class OpenedStream implements StreamTask, IdWords {
  readonly kind = 'stream';
  readonly jobId: number;
  readonly block: ControlBlock;
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  readonly context: InvocationContext;
  readonly openedAt: number;
  readonly queuedMs: number;

  constructor(jobId: number, head: DataView, frame: FrameDecoder) {
    this.jobId = jobId;
    this.block = head.getInt32(OPEN_HEADER.block, true) as ControlBlock;
    this.openedAt = head.getFloat64(OPEN_HEADER.openedAt, true);
    this.queuedMs = head.getFloat64(OPEN_HEADER.queuedMs, true);
    ({ id0: this.id0, id1: this.id1, id2: this.id2, id3: this.id3 } = frame);
    this.context = frame.openContext();
  }

  /** The id as text. It is made only when it is asked for, because frames carry the id as words. */
  get id(): StreamId {
    return streamIdFromWords(this.id0, this.id1, this.id2, this.id3);
  }
}

/** Decodes the Opens, which main has checked and only routed. */
export class OpenReader {
  readonly #frame: FrameDecoder;

  /** @param limits main's limits, so that an Open that main accepted is accepted here */
  constructor(limits: WireLimits) {
    this.#frame = new FrameDecoder(limits);
  }

  /** @param payload of an `OP.open` */
  read(jobId: number, payload: Uint8Array): OpenedStream {
    this.#frame.decode(payload, OPEN_HEADER.bytes, payload.length);
    return new OpenedStream(
      jobId,
      new DataView(payload.buffer, payload.byteOffset, OPEN_HEADER.bytes),
      this.#frame,
    );
  }
}
