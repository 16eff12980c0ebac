import { guardConsole } from '../console-guard.ts';
import { logLine } from '../stderr.ts';

/**
 * Keeps what is printed on main off the protocol, before any worker or user code exists.
 *
 * @param isBare whether the protocol is on standard output itself, where only JavaScript's own ways of printing can be
 *   caught: the launcher moves it away from there
 */
export function guardMain(isBare: boolean): void {
  if (isBare) {
    logLine(
      'started without the launcher: what native code or fs.writeSync(1) prints would damage the protocol',
    );
  }
  guardConsole(() => {});
}
