import { guardConsole } from '../../threads/console-guard.ts';
import { logLine } from '../../base/stderr.ts';

/**
 * Keeps what is printed on main off the protocol, before any worker or user code exists.
 *
 * @param isBare whether the protocol is on standard output itself, where only JavaScript's own ways of printing can be
 *   caught: the launcher moves it away from there
 */
export function guardMain(isBare: boolean): void {
  // Node opens standard error when it is first asked for, and makes a pipe or socket non-blocking by that. From then on a
  // full one refuses a line instead of holding the thread that writes it.
  if (process.stderr.destroyed) return;
  if (isBare) {
    logLine(
      'started without the launcher: what native code or fs.writeSync(1) prints would damage the protocol',
    );
  }
  guardConsole(() => {});
}
