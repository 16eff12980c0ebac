/**
 * How many lines of one kind may be logged: so many at once, and as many each second after that. A fault that happens in every call
 * would otherwise fill a disk with the same stack.
 */
export class LineBudget {
  readonly #perSecond: number;
  readonly #now: () => number;
  #left: number;
  #at: number;
  #heldBack = 0;

  /** @param perSecond 0: none at all @param now milliseconds, monotonic */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
    this.#left = perSecond;
    this.#at = now();
  }

  /** Asks for one line. @returns how many were held back since the last that was allowed; `undefined`: this one is, too */
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
