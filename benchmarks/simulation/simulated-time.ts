import { EventQueue } from './event-queue.ts';

/** A clock that jumps from action to action. Times are in ms. */
export class SimulatedTime {
  now = 0;
  readonly #queue = new EventQueue();
  /** What is to happen, by the number that stands for it in the queue. */
  readonly #actions = new Map<number, () => void>();
  #last = 0;

  /** @returns what cancels it */
  after(ms: number, action: () => void): () => void {
    const number = ++this.#last;
    this.#actions.set(number, action);
    this.#queue.push(this.now + ms, number);
    return () => this.#actions.delete(number);
  }

  /** Goes on until `isOver` says so, or nothing is left to happen. */
  run(isOver: () => boolean): void {
    while (!isOver() && !this.#queue.isEmpty) {
      const { time, event } = this.#queue.pop();
      const action = this.#actions.get(event);
      if (action === undefined) continue;
      this.#actions.delete(event);
      this.now = time;
      action();
    }
  }
}
