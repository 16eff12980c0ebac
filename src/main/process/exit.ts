import { kill, pid } from 'node:process';

/** Time that threads have to end before the process ends without them, in ms. */
const THREADS_MS = 500;

let ending: { readonly code: number; timer: NodeJS.Timeout; at: number } | undefined;

/**
 * The one way out of the process, on every path.
 *
 * `process.exit` joins the worker threads, and one inside a native call may never come back. So the threads are ended
 * first, against a deadline; if one is still there, the process image is replaced by one that exits with the code
 * where Node can do that, and else the process kills itself (137 instead of the code).
 *
 * @param endThreads ends all worker threads
 * @param patienceMs time that they have beyond the usual
 */
export function endProcess(code: number, endThreads: () => Promise<void>, patienceMs = 0): void {
  const patience = THREADS_MS + patienceMs;
  const at = performance.now() + patience;
  if (ending !== undefined) {
    // Asked again, by a second signal perhaps: the first code stays, and the wait can only become shorter.
    if (at >= ending.at) return;
    clearTimeout(ending.timer);
    ending.timer = setTimeout(endHard, patience, ending.code);
    ending.at = at;
    return;
  }
  const current = (ending = { code, timer: setTimeout(endHard, patience, code), at });
  endThreads().then(
    () => {
      clearTimeout(current.timer);
      process.exit(code);
    },
    () => endHard(code),
  );
}

function endHard(code: number): never {
  const { execve } = process as { execve?: (file: string, args: string[], env?: NodeJS.ProcessEnv) => never };
  try {
    execve?.('/bin/sh', ['sh', '-c', `exit ${code}`], {});
  } catch {
    // Not allowed here; the last resort follows.
  }
  kill(pid, 'SIGKILL');
  throw new Error('unreachable');
}
