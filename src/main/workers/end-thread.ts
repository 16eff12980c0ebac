import type { Worker } from 'node:worker_threads';

/** After what time a thread that still lives is told again to end, in ms; each time after twice as long, up to a minute. */
const AGAIN_MS = 50;
const AGAIN_AT_MOST_MS = 60_000;

/**
 * Ends a thread. Once is not always enough: a handler that loops over rejected promises was seen to survive a call, in
 * about one of ten such ends. One in a native call ends when that returns, however often it is told. The timer never holds the
 * process, because a process that waits for the thread is held by the thread itself, or by a promise.
 */
export function endThread(thread: Worker): void {
  // Each call listens for the exit: Node would take them for a leak.
  thread.setMaxListeners(0);
  let timer: NodeJS.Timeout | undefined;
  const call = (againMs: number): void => {
    void thread.terminate();
    timer = setTimeout(() => call(Math.min(againMs * 2, AGAIN_AT_MOST_MS)), againMs).unref();
  };
  thread.once('exit', () => clearTimeout(timer));
  call(AGAIN_MS);
}
