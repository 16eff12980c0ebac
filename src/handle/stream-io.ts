import type { ErrorCode } from '../errors.ts';
import type { Services, StreamLog } from './server-stream.ts';

/** What a blocked handler waits for. */
export type BlockedOn = 'input' | 'credit' | 'room';

/** The stream's way out, injected: the handle knows no thread, no ring and no process. */
export interface StreamIo {
  /** The cause that ends the stream, once one is decided. Read in tight loops. */
  cause(): ErrorCode | undefined;
  /**
   * One attempt: the frame is committed, or the host has given no credit, or there is no room to put it.
   *
   * @param length of the payload as it was when the handler gave it
   */
  trySend(payload: Uint8Array, length: number): 'sent' | 'credit' | 'room';
  /** Grants the host `bytes` of further input. */
  grant(bytes: number): void;
  /** Blocks the thread until something may have changed. */
  block(on: BlockedOn): void;
  /** An asynchronous sender waits for room: `StreamHandle.retrySends` is to be called when it may go on. */
  awaitRoom(): void;
  /** What the handler logs with; asked for once, when it first does. */
  log(): StreamLog;
  /** Its way to ask the host; asked for once, when it first does. */
  services(): Services;
}
