/** Time that threads have to end before the process ends without them, in ms. */
const THREADS_MS = 500;

/** How much of it threads have that wait themselves, for native work say, in ms. */
export const EXIT_LINGER_MS = THREADS_MS / 2;

let ending: { readonly code: number; timer: NodeJS.Timeout; at: number } | undefined;

/**
 * The one way out of the process, on every path.
 *
 * `process.exit` waits for the worker threads, and a thread inside a native call may never return. So the threads are ended first,
 * with a time limit. If one still lives after that, the process ends by the hardest way that works here.
 *
 * @param endThreads ends all worker threads. It is called again where a further call leaves them less time.
 * @param patienceMs time in ms that they have beyond the usual
 */
export function endProcess(code: number, endThreads: () => Promise<void>, patienceMs = 0): void {
  const patience = THREADS_MS + patienceMs;
  const at = performance.now() + patience;
  const ended = async (): Promise<void> => endThreads();
  if (ending !== undefined) {
    // The function was called again, for example by a second signal. The first code stays, and the wait can only become shorter.
    if (at >= ending.at) return;
    clearTimeout(ending.timer);
    ending.timer = setTimeout(endHard, patience, ending.code);
    ending.at = at;
    // The first call waits for the threads. This one only leaves them less time.
    ended().catch(() => {});
    return;
  }
  const current = (ending = { code, timer: setTimeout(endHard, patience, code), at });
  ended().then(
    () => {
      clearTimeout(current.timer);
      // A read or write of a file that hangs, for example on a dead mount, has a thread that `process.exit` would wait for.
      if (process.getActiveResourcesInfo().includes('FSReqCallback')) endHard(code);
      process.exit(code);
    },
    () => endHard(code),
  );
}

/**
 * Ends the process without a wait for any of its threads. Each way may be forbidden, or do nothing here, so the next one follows:
 *
 * 1. The process image is replaced by one that exits with the code, where Node can do that (22.15 and newer).
 * 2. SIGKILL, so the status is 137. Process 1 of a PID namespace, as in most containers, doesn't get it from itself.
 * 3. `abort`, which ends in an instruction that the processor refuses: the kernel ends process 1 for that, too (134, or 139).
 */
function endHard(code: number): never {
  const { execve } = process as { execve?: (file: string, args: string[], env?: NodeJS.ProcessEnv) => never };
  try {
    execve?.('/bin/sh', ['sh', '-c', `exit ${code}`], {});
  } catch {
    // This way is not allowed here.
  }
  try {
    process.kill(process.pid, 'SIGKILL');
  } catch {
    // This way is not allowed either.
  }
  process.abort();
}
