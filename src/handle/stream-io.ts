import type { ErrorCode } from '../errors.ts';
import type { Services, StreamLog } from './server-stream.ts';

/** The thing that a blocked handler waits for: a chunk of input, the host's credit, or room in the ring. */
export type BlockedOn = 'input' | 'credit' | 'room';

/** A stream's access to its thread and to the wire. It is injected, so that the handle knows no thread, no ring and no process. */
export interface StreamIo {
  /**
   * The cause that ends the stream; `undefined` while none is decided. It must be cheap, because handlers read it in tight loops.
   */
  cause(): ErrorCode | undefined;
  /**
   * Makes one attempt to send a Data frame. `sent`: the frame is committed. `credit`: the host has given no credit. `room`: the
   * ring has no room for the frame.
   *
   * @param length the payload's length in bytes when the handler gave it
   */
  trySend(payload: Uint8Array, length: number): 'sent' | 'credit' | 'room';
  /**
   * Replaces the latest progress value of the stream, which leaves when the host may get the next one. It never waits.
   *
   * @param value at most 4,096 bytes; copied
   */
  progress(value: Uint8Array): void;
  /** Grants the host credit for `bytes` more of input. */
  grant(bytes: number): void;
  /** Blocks the thread until something may have changed. */
  block(on: BlockedOn): void;
  /** Tells that an asynchronous sender waits for room, so that `StreamHandle.retrySends` is called when there may be some. */
  awaitRoom(): void;
  /** Makes the handler's log. Called at most once, when the handler first uses it. */
  log(): StreamLog;
  /** Makes the handler's access to the host's services. Called at most once, when the handler first uses it. */
  services(): Services;
}
