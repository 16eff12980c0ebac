import { dataCost, INITIAL_CREDIT, MAX_CREDIT, MAX_DATA_BYTES } from './flow-limits.ts';

/**
 * Credit arithmetic: bytes of Data payload, counted per stream and direction. No clock, no I/O.
 *
 * Invariants: a sender sends only while its balance is above 0; one frame may take the balance below 0, so a large
 * frame can't deadlock against a small window; a receiver grants no more in all than the cost of what was taken.
 */

/** Whether a balance stays within 2^31-1 after a grant; both in bytes. */
export function grantFits(balance: number, grant: number): boolean {
  return balance + grant <= MAX_CREDIT;
}

/**
 * The receiving side's account of what the sender may still send.
 *
 * The bytes granted are counted elsewhere, by whoever takes the data, and are handed in modulo 2^32. The bytes received are kept
 * here in the same way. Their difference is far below 2^31, because the window and one frame bound it.
 */
export class ReceiveWindow {
  readonly #initial: number;
  #received = 0;

  /** @param initial the first window, in bytes */
  constructor(initial: number) {
    this.#initial = initial;
  }

  /**
   * Accounts for one Data frame.
   *
   * @param granted bytes granted so far, modulo 2^32
   * @returns `false` if the sender had no right to send it: balance of 0 or below, or a payload over 1 MiB
   */
  accept(payloadBytes: number, granted: number): boolean {
    if (payloadBytes > MAX_DATA_BYTES || this.balance(granted) <= 0) return false;
    this.#received = (this.#received + dataCost(payloadBytes)) | 0;
    return true;
  }

  /** Bytes that the sender may still send; negative by at most one frame. */
  balance(granted: number): number {
    return this.#initial + ((granted - this.#received) | 0);
  }
}

/**
 * When to grant: what the consumer took is granted back in batches of half a window, so that a stream of small frames
 * doesn't answer each with a credit frame.
 */
export class GrantBatch {
  readonly #threshold: number;
  #taken = 0;

  /**
   * @param window the first window, in bytes. A host may not have read of a larger one than the protocol's constant: it
   *   must get credit back before it has used that up
   */
  constructor(window: number) {
    this.#threshold = Math.min(window, INITIAL_CREDIT) >>> 1;
  }

  /** The consumer took one payload. @returns bytes to grant now, or 0 */
  took(payloadBytes: number): number {
    this.#taken += dataCost(payloadBytes);
    if (this.#taken < this.#threshold) return 0;
    const grant = this.#taken;
    this.#taken = 0;
    return grant;
  }
}
