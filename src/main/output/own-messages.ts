/** What a chunk got of main's own messages. */
export interface Copied {
  /** Where the chunk ends. */
  readonly length: number;
  /** How many of them count against what the host owes a read. */
  readonly answers: number;
}

export interface Outgoing {
  readonly bytes: Uint8Array;
  /** Whether it counts against the answers that the host owes a read. */
  readonly isAnswer: boolean;
}

/** Main's own messages that wait for the wire, in the order in which they leave: {@link Outlet} asks for them chunk by chunk. */
export class OwnMessages {
  #queue: Outgoing[] = [];
  /** Answers that wait for what rings held as they came: until the rings have been visited `dueAt` times. */
  #behindRings: { readonly bytes: Uint8Array; readonly dueAt: number }[] = [];
  /** The queue's first entry completes a frame that is half on the wire. */
  #isMidFrame = false;
  #bytes = 0;

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether any of them may leave: the rings are still ahead of the rest. @param visits how often rings were visited so far */
  isDue(visits: number): boolean {
    return this.#queue.length > 0 || (this.#behindRings[0]?.dueAt ?? Infinity) <= visits;
  }

  /** Whether anything waits at all. */
  get isWaiting(): boolean {
    return this.#queue.length > 0 || this.#behindRings.length > 0;
  }

  /** Whether no ring may go ahead of them: half a frame is on the wire, and the rest of it is here. */
  get isMidFrame(): boolean {
    return this.#isMidFrame;
  }

  push(bytes: Uint8Array, isAnswer: boolean): void {
    this.#queue.push({ bytes, isAnswer });
    this.#bytes += bytes.length;
  }

  /** An answer that may not overtake what rings hold. @param dueAt how many visits of rings must have been made */
  pushBehindRings(bytes: Uint8Array, dueAt: number): void {
    this.#behindRings.push({ bytes, dueAt });
    this.#bytes += bytes.length;
  }

  /** The rest of a frame that is half on the wire, and whole frames behind it. */
  putFirst(bytes: Uint8Array): void {
    this.#queue.unshift({ bytes, isAnswer: false });
    this.#bytes += bytes.length;
    this.#isMidFrame = true;
  }

  /** Drops all but the frame that is half on the wire and the answers that are owed. */
  keepAnswers(): void {
    this.#queue = this.#queue.filter(({ isAnswer }, index) => isAnswer || (index === 0 && this.#isMidFrame));
    this.#behindRings = [];
    this.#bytes = this.#queue.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  clear(): void {
    this.#queue = [];
    this.#behindRings = [];
    this.#bytes = 0;
  }

  /** Copies as many as fit whole behind the first `start` bytes of `chunk`. @param visits how often rings were visited so far */
  copyTo(chunk: Uint8Array, start: number, visits: number): Copied {
    this.#isMidFrame = false;
    let length = start;
    let answers = 0;
    const fits = ({ bytes }: { bytes: Uint8Array }): boolean => length + bytes.length <= chunk.length;
    const copy = ({ bytes }: { bytes: Uint8Array }): void => {
      chunk.set(bytes, length);
      length += bytes.length;
    };
    let taken = 0;
    for (const message of this.#queue) {
      if (!fits(message)) break;
      copy(message);
      if (message.isAnswer) answers++;
      taken++;
    }
    if (taken > 0) this.#queue.splice(0, taken);
    // Not ahead of what is left of the queue: a ring may have been spilled to it.
    let due = 0;
    for (const answer of this.#queue.length > 0 ? [] : this.#behindRings) {
      if (visits < answer.dueAt || !fits(answer)) break;
      copy(answer);
      due++;
    }
    if (due > 0) this.#behindRings.splice(0, due);
    this.#bytes -= length - start;
    return { length, answers: answers + due };
  }

  /** The first one, if it is there: where it didn't fit an empty chunk, it leaves in pieces. */
  shift(): Outgoing | undefined {
    const first = this.#queue.shift();
    if (first !== undefined) this.#bytes -= first.bytes.length;
    return first;
  }
}
