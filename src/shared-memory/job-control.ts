import { errorCodeFromNumber, errorCodeNumber, type ErrorCode } from '../errors.ts';
import { JOB, JOB_WORDS } from './layout.ts';
import type { ControlBlock, Region } from './region.ts';

/**
 * The shared words of one job: the cause that ends it, its credit, the bytes that it granted, and the place of its terminal frame.
 * They are words and not messages, because the handler's thread may be busy for seconds, and takes no message then.
 */
export class JobControl {
  readonly #words: Int32Array;
  readonly #base: number;

  constructor(region: Region, job: ControlBlock) {
    this.#words = region.words;
    this.#base = region.jobBase(job);
  }

  /**
   * Main: clears the words before the job is handed to a worker. The message that hands it over orders these stores before the
   * worker's loads.
   *
   * @param credit bytes that the module may send at first
   */
  reset(credit: number): void {
    for (let word = 0; word < JOB_WORDS; word++) Atomics.store(this.#words, this.#base + word, 0);
    Atomics.store(this.#words, this.#base + JOB.credit, credit);
  }

  /**
   * Main: decides the cause. The exchange lets the first cause win. Pairs with the load in {@link cause}, so the handler's next
   * look sees it, whatever the handler computes.
   */
  decide(cause: ErrorCode): void {
    Atomics.compareExchange(this.#words, this.#base + JOB.cause, 0, errorCodeNumber(cause) + 1);
  }

  /**
   * The decided cause; `undefined` while none is decided. It costs one atomic load (8 ns), so a tight loop may read it. Pairs with
   * {@link decide}.
   */
  get cause(): ErrorCode | undefined {
    const value = Atomics.load(this.#words, this.#base + JOB.cause);
    return value === 0 ? undefined : errorCodeFromNumber(value - 1);
  }

  get isDecided(): boolean {
    return Atomics.load(this.#words, this.#base + JOB.cause) !== 0;
  }

  /** Bytes that the module may send. It may send one frame of any size while this is above 0. */
  get credit(): number {
    return Atomics.load(this.#words, this.#base + JOB.credit);
  }

  /**
   * Main adds the bytes that the host granted; the worker subtracts the bytes that it sent. Both use an atomic add, so that neither
   * loses the other's change.
   */
  addCredit(bytes: number): void {
    Atomics.add(this.#words, this.#base + JOB.credit, bytes);
  }

  /**
   * Main, after {@link addCredit}: whether the worker must be told by a message. At most one message is on its way, however many
   * grants come. Pairs with {@link hearCredit}: the worker clears the word before it looks at the credit, so no grant is missed.
   */
  tellCredit(): boolean {
    return Atomics.exchange(this.#words, this.#base + JOB.creditTold, 1) === 0;
  }

  /** Worker: the message has arrived, so the next grant needs another message. Pairs with {@link tellCredit}. */
  hearCredit(): void {
    Atomics.store(this.#words, this.#base + JOB.creditTold, 0);
  }

  /** Bytes granted to the host, modulo 2^32. */
  get granted(): number {
    return Atomics.load(this.#words, this.#base + JOB.granted);
  }

  /**
   * Worker: adds a grant before its credit frame is committed, so that main knows the grant before the host can use it. Pairs with
   * the load in {@link granted}: the host can use the grant only after the commit's store of tail, which follows this add.
   */
  addGranted(bytes: number): void {
    Atomics.add(this.#words, this.#base + JOB.granted, bytes);
  }

  /**
   * Worker: the job's terminal frame will end at ring position `end`. Called before the commit, so that the commit's one store of
   * tail publishes the frame and the fact that it is terminal at the same instant. Pairs with {@link terminalCommitted}.
   *
   * @param code the frame's code; main reads it once it has seen that the frame is committed
   */
  markTerminal(end: number, code: 'close' | ErrorCode): void {
    const number = code === 'close' ? 0 : errorCodeNumber(code) + 1;
    Atomics.store(this.#words, this.#base + JOB.terminalCode, number);
    Atomics.store(this.#words, this.#base + JOB.terminalEnd, end);
    Atomics.store(this.#words, this.#base + JOB.terminalSet, 1);
  }

  /**
   * Main: whether the worker's terminal frame lies before ring position `tail`. If so, the stream has ended, and main sends no
   * terminal frame of its own. Pairs with {@link markTerminal}.
   */
  terminalCommitted(tail: number): boolean {
    if (Atomics.load(this.#words, this.#base + JOB.terminalSet) === 0) return false;
    return ((tail - Atomics.load(this.#words, this.#base + JOB.terminalEnd)) | 0) >= 0;
  }

  /** The code of the worker's terminal frame. Valid once {@link terminalCommitted}, until the job's block is used again. */
  get terminalCode(): 'close' | ErrorCode {
    const number = Atomics.load(this.#words, this.#base + JOB.terminalCode);
    return number === 0 ? 'close' : (errorCodeFromNumber(number - 1) ?? 'internal');
  }

  /**
   * Main: whether the worker has marked its terminal frame, which may not be committed yet. It is a cheap first look before {@link
   * terminalCommitted}.
   */
  get terminalMarked(): boolean {
    return Atomics.load(this.#words, this.#base + JOB.terminalSet) === 1;
  }
}
