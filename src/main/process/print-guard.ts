import { guardConsole } from '../../threads/console-guard.ts';
import { logLine } from '../../base/stderr.ts';

/**
 * Keeps everything printed on main away from the protocol. It is called before any worker or user code exists.
 *
 * @param isBare whether the protocol is on standard output itself, because the launcher has not moved it; then only prints of
 *   JavaScript can be caught
 */
export function guardMain(isBare: boolean): void {
  // Node opens standard error when `process.stderr` is first read, and so makes a pipe or socket non-blocking. After that a full
  // one refuses a line instead of blocking the thread that writes it.
  if (process.stderr.destroyed) return;
  if (isBare) {
    logLine(
      'started without the launcher: what native code or fs.writeSync(1) prints would damage the protocol',
    );
  }
  guardConsole(() => {});
}
