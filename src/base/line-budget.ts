/**
 * Limits how many lines of one kind are logged: `perSecond` lines at once, and as many in each second after that. Otherwise a fault
 * that happens in every call would fill a disk with the same stack.
 */
export class LineBudget {
  readonly #perSecond: number;
  readonly #now: () => number;
  #left: number;
  #at: number;
  #heldBack = 0;

  /** @param perSecond lines a second; 0 for none at all @param now milliseconds, monotonic */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#left = perSecond;
    this.#at = now();
  }

  /**
   * Asks for one line.
   *
   * @returns the number of lines held back since the last allowed one; `undefined` if this line is held back, too
   */
  take(): number | undefined {
    const now = this.#now();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) {
      this.#heldBack++;
      return undefined;
    }
    this.#left--;
    const heldBack = this.#heldBack;
    this.#heldBack = 0;
    return heldBack;
  }
}
