import { kill, pid } from 'node:process';

/** Time that threads have to end before the process ends without them, in ms. */
const THREADS_MS = 500;

let isEnding = false;

/**
 * The one way out of the process, on every path.
 *
 * `process.exit` joins the worker threads, and one inside a native call may never come back. So the threads are ended
 * first, against a deadline; if one is still there, the process image is replaced by one that exits with the code
 * where Node can do that, and else the process kills itself (137 instead of the code).
 *
 * @param endThreads ends all worker threads
 */
export function endProcess(code: number, endThreads: () => Promise<void>): void {
  if (isEnding) return;
  isEnding = true;
  const timer = setTimeout(() => endHard(code), THREADS_MS);
  endThreads().then(
    () => {
      clearTimeout(timer);
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
