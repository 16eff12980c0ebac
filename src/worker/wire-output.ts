import type { RingProducer } from '../shared-memory/outbound-ring.ts';
import type { WorkerBell } from '../shared-memory/slot-signals.ts';
import type { WorkerWriteLock } from '../shared-memory/write-lock.ts';
import { FrameEncoder } from '../wire/frame-encoder.ts';
import { MAX_DATA_BYTES } from '../wire/flow-limits.ts';

/** From so many unwritten bytes on a worker writes its ring out itself, in one large write, instead of ringing main's bell. */
const FLUSH_BYTES = 32_768;

/**
 * A frame that follows the last flush within this time, in ms, belongs to a burst. It waits for the next frames, and main is told
 * by the bell, so that the frame goes out even if the handler computes from here on. A ping and its answer take longer than this,
 * so the frames of a conversation go out at once, and only frames that follow each other at full speed wait.
 */
const BURST_MS = 0.02;

/** Bytes of room that a sender of Data waits for: the size of the largest frame, so that it isn't woken for less than it needs. */
export const ROOM_FOR_DATA = FrameEncoder.dataMessageBytes(MAX_DATA_BYTES);

/** A worker's output to the wire: its ring, the lock, and the decision when to write. */
export class WireOutput {
  readonly #ring: RingProducer;
  readonly #lock: WorkerWriteLock;
  readonly #bell: WorkerBell;
  readonly #now: () => number;
  #lastFlush = -1;
  /** Bytes committed since the last attempt to write. */
  #unflushed = 0;
  /**
   * True during {@link flush}. If it is true outside, the last flush was cut short (see {@link WorkerWriteLock}), and the lock may
   * still be ours.
   */
  #isInFlush = false;

  /** @param now milliseconds, monotonic */
  constructor(ring: RingProducer, lock: WorkerWriteLock, bell: WorkerBell, now: () => number) {
    this.#ring = ring;
    this.#lock = lock;
    this.#bell = bell;
    this.#now = now;
  }

  /** Whether a message of `length` bytes has room now. */
  fits(length: number, isData: boolean): boolean {
    return this.#ring.fits(length, isData);
  }

  endOfNext(length: number): number {
    return this.#ring.endOfNext(length);
  }

  /**
   * Commits one message, for which the caller has checked the room. The message then reaches the wire even if this thread makes no
   * further call.
   */
  commit(header: Uint8Array, payload?: Uint8Array, payloadLength = payload?.length ?? 0): void {
    const isFirst = this.#ring.commit(header, payload, payloadLength);
    this.#unflushed += header.length + payloadLength;
    // Not at each frame of a backlog, because if the lock is taken its holder writes our frames.
    if (this.#unflushed >= FLUSH_BYTES) this.flush();
    else if (this.#isInFlush) this.flush();
    else if (isFirst) {
      if (this.#now() - this.#lastFlush >= BURST_MS) this.flush();
      // Somebody must know of the first frame in the ring. Those that follow it leave with it.
      else this.#bell.ring();
    }
  }

  flush(): void {
    if (this.#ring.pending > 0 || this.#isInFlush) {
      this.#isInFlush = true;
      this.#lock.flush();
      this.#isInFlush = false;
    }
    this.#unflushed = 0;
    this.#lastFlush = this.#now();
  }

  /**
   * Blocks until there may be room for `length` bytes, or main wants the thread to look up.
   *
   * @param mustLook is called after the ticket was read; `true` means don't wait
   */
  blockForRoom(length: number, isData: boolean, mustLook: () => boolean): void {
    const ticket = this.#ring.spaceTicket();
    this.flush();
    if (mustLook() || !this.#ring.announceWait(length, isData, 'blocking')) return;
    this.#ring.waitForSpace(ticket);
  }

  /** Asks main for a message when there may be room. @returns `false` if there is room now */
  awaitRoom(length: number, isData: boolean): boolean {
    this.flush();
    return this.#ring.announceWait(length, isData, 'async');
  }
}
