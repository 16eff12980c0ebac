import type { SlotNumber } from '../../shared-memory/region.ts';
import type { FromWorker, RequestTask } from '../../threads/messages.ts';

/** The events of a thread. None of them comes before {@link LinkSource.start} has returned. */
export interface LinkEvents {
  /** The thread runs, and begins to load the module. */
  onBooted(): void;
  onMessage(message: FromWorker): void;
  /** The thread has failed. Its exit follows. */
  onError(error: Error): void;
  /** The thread is gone. Always the last event. */
  onExit(code: number): void;
}

/** Main's end of one worker thread. */
export interface WorkerLink {
  /** Sends a batch of operations (see `OpBatch`); the buffer is transferred. */
  postBatch(batch: ArrayBuffer): void;
  postTask(task: RequestTask): void;
  /** Takes one message that has arrived, before the event loop delivers it; `undefined` if there is none. */
  receive(): FromWorker | undefined;
  /**
   * The share of the time since the last call in which the thread's event loop had something to run: 0 (it waits) to 1 (it
   * computes, blocks, or has not begun to turn).
   */
  loopActivity(): number;
  /** Ends the thread, whatever it does. It is gone at {@link LinkEvents.onExit}, which a native call may delay until it returns. */
  terminate(): void;
  /** Releases the link. The thread is gone, and all its messages have been received. */
  close(): void;
}

/** Starts worker threads. One implementation starts real threads; the one of the test kit runs workers on the test's thread. */
export interface LinkSource {
  /**
   * Starts a thread, which boots and then loads the module.
   *
   * @param slot its place in the shared memory
   * @throws Error if the system has no thread or descriptor left
   */
  start(slot: SlotNumber, events: LinkEvents): WorkerLink;
}
