interface Kept {
  readonly seq: number;
  readonly message: Uint8Array;
}

/** Messages that one side has sent and the other has not acknowledged, in order. */
export class KeptMessages {
  #queue: Kept[] = [];
  #head = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#head === this.#queue.length;
  }

  add(seq: number, message: Uint8Array): void {
    this.#queue.push({ seq, message });
    this.#bytes += message.length;
  }

  /** Lets go of all messages up to number `ack`. */
  dropUpTo(ack: number): void {
    for (let kept = this.#queue[this.#head]; kept !== undefined && kept.seq <= ack;) {
      this.#bytes -= kept.message.length;
      this.#head += 1;
      kept = this.#queue[this.#head];
    }
    // Cut off in one go once in a while: to shift each message would move the rest each time.
    if (this.#head < 64 && this.#head < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  /** The messages themselves, the oldest first. */
  *messages(): Generator<Uint8Array> {
    for (let at = this.#head; at < this.#queue.length; at += 1) yield this.#queue[at]!.message;
  }

  clear(): void {
    this.#queue = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
