import type { PicturePart } from './work.ts';
import type { HashInput } from '../hash-input.ts';

export const WORKERS = 2;

/** How a handler takes down what it runs in. */
export type Crash = 'exit' | 'kill';

/** How to start one of them, and what it is called. */
export interface AlternativeKind {
  readonly name: string;
  readonly start: () => Promise<Alternative>;
}

/** One way to run CPU-heavy handlers on {@link WORKERS} workers, set up as somebody would who uses nothing else. */
export interface Alternative {
  /** The rows of a part of a picture, one byte for each pixel. */
  picture(part: PicturePart): Promise<Uint8Array>;
  /** The sha256 digest of what is streamed in, chunk after chunk and with flow control. */
  hash(input: HashInput): Promise<Uint8Array>;
  /** A small call that needs no worker. */
  ping(): Promise<unknown>;
  /**
   * Keeps a worker computing for so many milliseconds, in a loop that looks for nothing.
   *
   * @throws Error when it is aborted, or lost with what it ran in
   */
  work(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /**
   * A handler calls `process.exit` (`exit`), or its process is killed as by the kernel when memory is short, or by a bug in native
   * code (`kill`). Resolves when whoever keeps the service running has brought back what that has ended.
   */
  crash(how: Crash): Promise<void>;
  close(): Promise<void>;
}
