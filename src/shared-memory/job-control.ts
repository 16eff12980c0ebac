import { errorCodeFromNumber, errorCodeNumber, type ErrorCode } from '../errors.ts';
import { JOB, JOB_WORDS } from './indexes.ts';
import type { JobNumber, Region } from './region.ts';

/**
 * The words through which main and a running handler talk while the handler's thread may be busy for seconds:
 * the cause that ends it, its credit, what it granted, and where its terminal frame lies.
 */
export class JobControl {
  readonly #words: Int32Array;
  readonly #base: number;

  constructor(region: Region, job: JobNumber) {
    this.#words = region.words;
    this.#base = region.jobBase(job);
  }

  /** Main, before the job is handed to a worker. @param credit bytes that the module may send at first */
  reset(credit: number): void {
    for (let word = 0; word < JOB_WORDS; word++) Atomics.store(this.#words, this.#base + word, 0);
    Atomics.store(this.#words, this.#base + JOB.credit, credit);
  }

  /** Main: the first cause wins. Seen by the handler's next look, whatever it computes. */
  decide(cause: ErrorCode): void {
    Atomics.compareExchange(this.#words, this.#base + JOB.cause, 0, errorCodeNumber(cause) + 1);
  }

  /** The decided cause. One atomic load (8 ns): fit for a tight loop. */
  get cause(): ErrorCode | undefined {
    const value = Atomics.load(this.#words, this.#base + JOB.cause);
    return value === 0 ? undefined : errorCodeFromNumber(value - 1);
  }

  get isDecided(): boolean {
    return Atomics.load(this.#words, this.#base + JOB.cause) !== 0;
  }

  /** Bytes that the module may send; it may send one frame while this is above 0. */
  get credit(): number {
    return Atomics.load(this.#words, this.#base + JOB.credit);
  }

  /** Main adds what the host granted; the worker subtracts what it sent. Neither can lose the other's change. */
  addCredit(bytes: number): void {
    Atomics.add(this.#words, this.#base + JOB.credit, bytes);
  }

  /**
   * Main, after {@link addCredit}: whether the worker must be told by a message. However many grants come, at most one
   * message is on its way. Pairs with {@link hearCredit}: the worker clears the word before it looks at the credit.
   */
  tellCredit(): boolean {
    return Atomics.exchange(this.#words, this.#base + JOB.creditTold, 1) === 0;
  }

  /** Worker: the message has arrived; what is granted from here on needs another. */
  hearCredit(): void {
    Atomics.store(this.#words, this.#base + JOB.creditTold, 0);
  }

  /** Bytes granted to the host, modulo 2^32. */
  get granted(): number {
    return Atomics.load(this.#words, this.#base + JOB.granted);
  }

  /** Worker: before the credit frame is committed, so that main knows the grant before the host can use it. */
  addGranted(bytes: number): void {
    Atomics.add(this.#words, this.#base + JOB.granted, bytes);
  }

  /**
   * Worker: its terminal frame will end at ring position `end`. Before the commit: the commit's one store of tail then
   * publishes the frame and the fact that it is terminal at the same instant.
   *
   * @param code what the frame says; main reads it once it has seen that the frame is committed
   */
  markTerminal(end: number, code: 'close' | ErrorCode): void {
    const number = code === 'close' ? 0 : errorCodeNumber(code) + 1;
    Atomics.store(this.#words, this.#base + JOB.terminalCode, number);
    Atomics.store(this.#words, this.#base + JOB.terminalEnd, end);
    Atomics.store(this.#words, this.#base + JOB.terminalSet, 1);
  }

  /** Main: whether the worker's terminal frame lies before ring position `tail`. This is the stream's latch. */
  terminalCommitted(tail: number): boolean {
    if (Atomics.load(this.#words, this.#base + JOB.terminalSet) === 0) return false;
    return ((tail - Atomics.load(this.#words, this.#base + JOB.terminalEnd)) | 0) >= 0;
  }

  /** What the worker's terminal frame says. Valid once {@link terminalCommitted}, until the job's block is used again. */
  get terminalCode(): 'close' | ErrorCode {
    const number = Atomics.load(this.#words, this.#base + JOB.terminalCode);
    return number === 0 ? 'close' : (errorCodeFromNumber(number - 1) ?? 'internal');
  }

  /** Cheap first look for {@link terminalCommitted}. */
  get terminalMarked(): boolean {
    return Atomics.load(this.#words, this.#base + JOB.terminalSet) === 1;
  }
}
