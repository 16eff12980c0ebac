import type { Worker } from 'node:worker_threads';

/** Time after which a thread that still lives is told again to end, in ms. It doubles each time, up to a minute. */
const AGAIN_MS = 50;
const AGAIN_AT_MOST_MS = 60_000;

/**
 * Ends a thread. One call of `terminate` is not always enough: a handler that loops over rejected promises survived it in about one
 * of ten tries. A thread in a native call ends only when that call returns.
 */
export function endThread(thread: Worker): void {
  // Each call adds a listener for the exit, which Node would otherwise take for a leak.
  thread.setMaxListeners(0);
  let timer: NodeJS.Timeout | undefined;
  const call = (againMs: number): void => {
    void thread.terminate();
    timer = setTimeout(() => call(Math.min(againMs * 2, AGAIN_AT_MOST_MS)), againMs).unref();
  };
  thread.once('exit', () => clearTimeout(timer));
  call(AGAIN_MS);
}
