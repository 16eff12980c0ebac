import type { SlotNumber } from '../../shared-memory/region.ts';
import type { FromWorker, RequestTask } from '../../threads/messages.ts';

/** What a thread tells main. None of it comes before {@link LinkSource.start} has returned. */
export interface LinkEvents {
  /** The thread runs, and begins to load the module. */
  onBooted(): void;
  onMessage(message: FromWorker): void;
  /** The thread fails; its exit follows. */
  onError(error: Error): void;
  /** The thread is gone. Always the last event. */
  onExit(code: number): void;
}

/** Main's end of one worker thread. */
export interface WorkerLink {
  /** Sends a batch of operations (see `OpBatch`); the buffer is transferred. */
  postBatch(batch: ArrayBuffer): void;
  postTask(task: RequestTask): void;
  /** Takes one message that has arrived, ahead of the event loop; `undefined`: there is none. */
  receive(): FromWorker | undefined;
  /**
   * The share of the time since the last call in which the thread's event loop had something to run: 0 (it waits) to 1 (it
   * computes, blocks, or has not begun to turn).
   */
  loopActivity(): number;
  /** Ends the thread, whatever it does. It is gone at {@link LinkEvents.onExit}: an uninterruptible call may hold it until it returns. */
  terminate(): void;
  /** The thread is gone and everything that it said has been received. */
  close(): void;
}

/** Starts worker threads. One implementation has real threads, the test kit's has the thread of the test. */
export interface LinkSource {
  /**
   * Starts a thread, which boots and then loads the module.
   *
   * @param slot its place in the shared memory
   * @throws Error where the system has no thread or descriptor to spare
   */
  start(slot: SlotNumber, events: LinkEvents): WorkerLink;
}
