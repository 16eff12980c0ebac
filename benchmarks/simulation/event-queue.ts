/** Events in the order of their time: a binary heap of (time, what). */
export class EventQueue {
  readonly #times: number[] = [];
  readonly #events: number[] = [];

  get isEmpty(): boolean {
    return this.#times.length === 0;
  }

  push(time: number, event: number): void {
    let at = this.#times.length;
    this.#times.push(time);
    this.#events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#times[parent] ?? 0) <= time) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** @throws RangeError when there is none */
  pop(): { time: number; event: number } {
    const time = this.#times[0];
    const event = this.#events[0];
    if (time === undefined || event === undefined) throw new RangeError('no event is left');
    const lastTime = this.#times.pop() ?? 0;
    const lastEvent = this.#events.pop() ?? 0;
    if (this.#times.length > 0) {
      this.#times[0] = lastTime;
      this.#events[0] = lastEvent;
      this.#sink();
    }
    return { time, event };
  }

  #sink(): void {
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      let least = at;
      for (const child of [left, left + 1]) {
        if ((this.#times[child] ?? Infinity) < (this.#times[least] ?? Infinity)) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    [this.#times[a], this.#times[b]] = [this.#times[b] ?? 0, this.#times[a] ?? 0];
    [this.#events[a], this.#events[b]] = [this.#events[b] ?? 0, this.#events[a] ?? 0];
  }
}
