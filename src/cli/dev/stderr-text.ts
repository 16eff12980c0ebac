/** Text that a page gets which opens later, in UTF-16 units. */
const KEPT_UNITS = 64 << 10;
/** Text of one second that is passed on to pages, in UTF-16 units. A handler that prints in a loop prints gigabytes. */
const UNITS_A_SECOND = 256 << 10;

/** The child's prints, as the page shows them; all of them are on the terminal. */
export class StderrText {
  readonly #now: () => number;
  kept = '';
  #second = 0;
  #units = 0;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns the part of it that pages get */
  add(text: string): string {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#units = 0;
    }
    const room = Math.max(0, UNITS_A_SECOND - this.#units);
    this.#units += text.length;
    if (room === 0) return '';
    const shown =
      text.length <= room ? text : `${text.slice(0, room)}\n[… too much for the page, see the terminal]\n`;
    this.kept = (this.kept + shown).slice(-KEPT_UNITS);
    return shown;
  }
}
