import type { CallQueue, Waiting } from './scheduler.ts';

export interface WaitingCall extends Waiting {
  /** Bytes of its context and its input that are kept while it waits. Once it does, {@link WaitingCalls.addHeld} adds to them. */
  heldBytes: number;
}

/** Calls that wait for a worker, in the order in which they came, and what is kept for them. */
export class WaitingCalls<Call extends WaitingCall> {
  readonly #scheduler: CallQueue<Call>;
  readonly #calls = new Set<Call>();
  /** Calls that came before the first manifest; they are not submitted to the scheduler yet. */
  readonly #unchecked = new Set<Call>();
  #heldBytes = 0;

  constructor({ scheduler }: { readonly scheduler: CallQueue<Call> }) {
    this.#scheduler = scheduler;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Of all together. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  [Symbol.iterator](): Iterator<Call> {
    return this.#calls.values();
  }

  has(call: Call): boolean {
    return this.#calls.has(call);
  }

  /** Adds a call that came before the first worker's manifest, which its checks need. */
  addUnchecked(call: Call): void {
    this.#add(call);
    this.#unchecked.add(call);
  }

  /** Each of these once, for its checks: it is to be submitted or withdrawn then. */
  *takeUnchecked(): Generator<Call> {
    for (const call of this.#unchecked) {
      this.#unchecked.delete(call);
      yield call;
    }
  }

  /** Adds a call that has passed its checks, unless it waits already. */
  submit(call: Call): void {
    this.#add(call);
    this.#scheduler.submit(call);
  }

  /** Counts further bytes that are kept for a call that waits. */
  addHeld(call: Call, bytes: number): void {
    call.heldBytes += bytes;
    this.#heldBytes += bytes;
  }

  /** The call waits no longer, since it starts. */
  remove(call: Call): void {
    this.#unchecked.delete(call);
    if (this.#calls.delete(call)) this.#heldBytes -= call.heldBytes;
  }

  /** The call has ended ahead of its start. */
  withdraw(call: Call): void {
    this.#scheduler.withdraw(call);
    this.remove(call);
  }

  #add(call: Call): void {
    if (this.#calls.has(call)) return;
    this.#calls.add(call);
    this.#heldBytes += call.heldBytes;
  }
}
