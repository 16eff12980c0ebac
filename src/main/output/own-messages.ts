/** The result of copying main's own messages into a chunk. */
export interface Copied {
  /** Bytes of the chunk that are filled now. */
  readonly length: number;
  /** Number of answers among the copied messages, which count as unread by the host from now on. */
  readonly answers: number;
}

export interface Outgoing {
  readonly bytes: Uint8Array;
  /** Whether it counts as an answer that the host has not read. */
  readonly isAnswer: boolean;
}

/** Main's own messages that wait for the wire, in the order in which they leave. {@link Outlet} takes them chunk by chunk. */
export class OwnMessages {
  #queue: Outgoing[] = [];
  /**
   * Answers that must not overtake frames that were in the rings when they came. Each may leave once `visits` has reached its
   * `dueAt`.
   */
  #behindRings: { readonly bytes: Uint8Array; readonly dueAt: number }[] = [];
  /** Whether the queue's first entry completes a frame that is half on the wire. */
  #isMidFrame = false;
  #bytes = 0;

  /** Bytes of all waiting messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message may be sent now. False while all of them wait for ring visits. @param visits number of ring visits so far */
  isDue(visits: number): boolean {
    return this.#queue.length > 0 || (this.#behindRings[0]?.dueAt ?? Infinity) <= visits;
  }

  /** Whether anything waits at all. */
  get isWaiting(): boolean {
    return this.#queue.length > 0 || this.#behindRings.length > 0;
  }

  /** Whether no ring may go before them, because half a frame is on the wire, and the rest of it is here. */
  get isMidFrame(): boolean {
    return this.#isMidFrame;
  }

  push(bytes: Uint8Array, isAnswer: boolean): void {
    this.#queue.push({ bytes, isAnswer });
    this.#bytes += bytes.length;
  }

  /** Adds an answer that must not overtake the frames in the rings. @param dueAt number of ring visits after which it may leave */
  pushBehindRings(bytes: Uint8Array, dueAt: number): void {
    this.#behindRings.push({ bytes, dueAt });
    this.#bytes += bytes.length;
  }

  /** Puts the rest of a frame that is half on the wire, and whole frames after it, before all other messages. */
  putFirst(bytes: Uint8Array): void {
    this.#queue.unshift({ bytes, isAnswer: false });
    this.#bytes += bytes.length;
    this.#isMidFrame = true;
  }

  /** Drops all messages except the rest of the frame that is half on the wire, and the answers that wait for no ring visit. */
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

  /** Copies as many whole messages as fit after the first `start` bytes of `chunk`. @param visits number of ring visits so far */
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
    // Only after the rest of the queue, because the frames of an ended worker's ring may have been moved to it.
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

  /** Takes the first message, for the caller to send in pieces, because it is larger than a chunk; `undefined` if there is none. */
  shift(): Outgoing | undefined {
    const first = this.#queue.shift();
    if (first !== undefined) this.#bytes -= first.bytes.length;
    return first;
  }
}
