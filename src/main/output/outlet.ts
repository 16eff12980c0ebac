import { getSystemErrorName } from 'node:util';
import type { SlotNumber } from '../../shared-memory/region.ts';
import type { RingConsumer } from '../../shared-memory/outbound-ring.ts';
import type { MainWriteLock } from '../../shared-memory/write-lock.ts';
import { MAX_PROGRESS_BYTES } from '../../wire/flow-limits.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import { OwnMessages, type Outgoing } from './own-messages.ts';
import type { WireSink } from './sink.ts';

/** The part of main that the outlet reports to. */
export interface OutletHost {
  /** An asynchronous sender of the worker on that slot has room again. */
  onRoom(slot: SlotNumber): void;
  /** The host can't be written to any more. */
  onGone(error: Error): void;
  /** Something was written, so there may be room for more. */
  onWritten(): void;
  /** Called after each change of the number of answers that the host has not read. */
  onUnreadAnswers(answers: number): void;
}

/**
 * Bytes that main hands to the sink at once: half of a pipe's capacity. The host then reads one chunk while the next is written. A
 * chunk that fills the pipe makes each side sleep while the other one copies, so that a third fewer bytes get through.
 */
const CHUNK_BYTES = 32_768;

/** The largest message that is made as it is written: a progress frame. */
const LATE_BYTES = FrameEncoder.dataMessageBytes(MAX_PROGRESS_BYTES);

/**
 * Main's only output. It writes main's own messages, the frames in the rings when main has the lock, and the rest of a frame that a
 * worker could not write at once.
 *
 * Main holds the lock from the first byte of a chunk until everything is written; workers meanwhile fill their rings. A ring's
 * backlog may take several chunks, and nothing comes between them. A backlog ends on a message's boundary, so main never has half a
 * frame left when it releases the lock.
 */
export class Outlet {
  readonly #lock: MainWriteLock;
  readonly #sink: WireSink;
  readonly #host: OutletHost;
  /** Only one write is under way at a time, so one buffer serves all writes. */
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  readonly #own = new OwnMessages();
  #unreadAnswers = 0;
  #taken = 0;
  #writing = false;
  #inTurn = false;
  #scheduled = false;
  #gone = false;
  #nextRing = 0;
  /** Set when the last chunk had no room for main's own messages, so that they go first in the next one. */
  #ownFirst = false;
  /** The ring that a chunk or the last holder has begun, and the number of its bytes that must be written before anything else. */
  #begun: { readonly ring: RingConsumer; left: number } | undefined;
  /** Set once the last message was queued. Nothing follows it, and main never releases the lock again. */
  #isLast = false;
  /**
   * Ring visits so far: looks at a ring that took its backlog. {@link sendBehindRings} waits until each ring was visited once more.
   */
  #visits = 0;
  /** The rest of a message that is being written in pieces; `undefined` if there is none. */
  #large: Outgoing | undefined;
  /** Makers of messages that are made as they are written: see {@link sendLate}. */
  #late: (() => Uint8Array | undefined)[] = [];
  #whenHeld: (() => void)[] = [];
  #whenIdle: (() => void)[] = [];
  /** Number of main's own messages; frames from rings are counted there. */
  framesOut = 0;
  bytesOut = 0;

  constructor(lock: MainWriteLock, sink: WireSink, host: OutletHost) {
    this.#lock = lock;
    this.#sink = sink;
    this.#host = host;
  }

  /** Queues one message. @param isAnswer whether it counts as an answer that the host has not read */
  send(bytes: Uint8Array, isAnswer: boolean): void {
    if (this.#gone || this.#isLast) return;
    this.#own.push(bytes, isAnswer);
    this.#count(bytes, isAnswer);
  }

  /**
   * Queues one answer that must not overtake any frame that a worker has already committed. For example a stream's terminal frame:
   * an earlier stream with the same id may still have frames in a ring. Once every ring has been visited again, all those frames
   * are ahead of the answer.
   */
  sendBehindRings(bytes: Uint8Array): void {
    if (this.#gone || this.#isLast) return;
    this.#own.pushBehindRings(bytes, this.#visits + this.#lock.rings.length);
    this.#count(bytes, true);
  }

  /**
   * Sends a message that is made only as it is written: main holds the lock then, and whatever a worker commits later follows it.
   * So `make` can look whether the message may still be sent, without a race against the worker that could forbid it. It comes after
   * all answers that main has queued before.
   *
   * @param make returns a message of at most {@link LATE_BYTES}; `undefined` for none
   */
  sendLate(make: () => Uint8Array | undefined): void {
    if (this.#gone || this.#isLast) return;
    this.#late.push(make);
    this.#turn();
  }

  #count(bytes: Uint8Array, isAnswer: boolean): void {
    this.framesOut++;
    this.bytesOut += bytes.length;
    if (isAnswer) this.#host.onUnreadAnswers(++this.#unreadAnswers);
    this.schedule();
  }

  /** Bytes that wait in main's own queue, without those in the rings. */
  get queuedBytes(): number {
    return this.#own.bytes;
  }

  /** Looks at the lock and the rings at the end of this turn, so that all messages caused by one read leave in one write. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** Runs `action` as soon as main holds the lock: now, or when the holder has handed over. */
  whenHeld(action: () => void): void {
    this.#whenHeld.push(action);
    this.#turn();
  }

  /** Bytes that the sink has taken so far; `undefined` if none wait for it. */
  get taken(): number | undefined {
    const isIdle = !this.#writing && !this.#own.isWaiting && !this.#lock.pendingAnywhere();
    return isIdle ? undefined : this.#taken;
  }

  /** Resolves once everything committed and queued has been written. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
      this.schedule();
    });
  }

  /**
   * Sends the last message, which says why the connection ends. It goes after the frame that is half on the wire and after the
   * answers that main has queued, but before the frames that streams still have to send, and nothing follows it.
   *
   * @returns a promise that resolves once it has been written; never if the host doesn't read
   */
  lastWord(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.whenHeld(() => {
        // Other messages are dropped, because streams that send all the time would delay it for ever, and the host needs no frames
        // of streams that end with the connection.
        this.#own.keepAnswers();
        this.send(bytes, true);
        this.#isLast = true;
        this.#late = [];
        this.#whenIdle.push(resolve);
      });
    });
  }

  /**
   * Moves the bytes that a slot's ring still holds to main's own messages: after them, or before all of them if the ring's frame is
   * half on the wire. Allowed only inside {@link whenHeld}.
   */
  spill(slot: SlotNumber): void {
    const ring = this.#lock.rings[slot];
    const isBegun = this.#begun?.ring === ring;
    // After the last message was queued, only the rest of a frame that is half on the wire may still be added.
    if (this.#isLast && !isBegun) return;
    const bytes = this.#take(ring);
    if (isBegun) this.#begun = undefined;
    if (bytes === undefined) return;
    if (isBegun) this.#own.putFirst(bytes);
    else this.#own.push(bytes, false);
  }

  #turn(): void {
    if (this.#gone) return;
    const { wireDead } = this.#lock;
    if (wireDead !== 0) return this.#lost(new Error(getSystemErrorName(-wireDead)));
    const wasHeld = this.#lock.held;
    if (!this.#lock.tryAcquire()) return;
    if (!wasHeld) this.#resume(this.#lock.takeResume());
    // An action may ask for another, and so lead back here: only the outermost turn goes on to write and release, when
    // all of them have run under the lock.
    if (this.#inTurn) return;
    this.#inTurn = true;
    try {
      for (let action = this.#whenHeld.shift(); action !== undefined; action = this.#whenHeld.shift())
        action();
    } finally {
      // Reset even if an action throws, because main then ends the process and still has frames to send.
      this.#inTurn = false;
    }
    if (!this.#writing) this.#pump();
  }

  /** Goes on with the ring within whose frame the last holder stopped. */
  #resume(ring: RingConsumer | undefined): void {
    if (ring !== undefined) this.#begin(ring, ring.pending);
  }

  #begin(ring: RingConsumer, pending: number): void {
    if (pending > 0) this.#begun = { ring, left: pending };
  }

  /** Takes all bytes that a ring holds, as a copy; `undefined` if it is empty. */
  #take(ring: RingConsumer | undefined): Uint8Array | undefined {
    const pending = ring?.pending ?? 0;
    if (ring === undefined || pending === 0) return undefined;
    const bytes = new Uint8Array(pending);
    ring.copyTo(bytes, 0, pending);
    ring.advance(pending);
    return bytes;
  }

  #pump(): void {
    const { bytes, answers } = this.#gather();
    this.#tellWaiting();
    if (bytes.length === 0) {
      if (!this.#isLast) {
        this.#lock.release();
        // Frames that were committed between the last look and the release were left to us.
        if (this.#lock.pendingAnywhere()) return this.#turn();
      }
      for (const resolve of this.#whenIdle.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    this.#sink.write(bytes, (error) => {
      this.#writing = false;
      this.#taken += bytes.length;
      if (error !== undefined) return this.#lost(error);
      this.#unreadAnswers -= answers;
      if (answers > 0) this.#host.onUnreadAnswers(this.#unreadAnswers);
      this.#host.onWritten();
      this.#turn();
    });
  }

  /**
   * Makes the next chunk: the rest of the ring that was begun, each other ring's backlog in turn, then as many of main's own
   * messages as fit. It is empty if there is nothing to send.
   */
  #gather(): { bytes: Uint8Array; answers: number } {
    if (this.#large !== undefined) return this.#pieceOf(this.#large);
    let length = this.#copyBegun(0);
    // Main's messages that waited after one ring go before the next one, so that rings that never run dry can't delay them.
    const isOwnDue = this.#own.isDue(this.#visits) || this.#late.length > 0;
    const ownFirst = this.#isLast || this.#own.isMidFrame || this.#ownFirst || (length > 0 && isOwnDue);
    const { rings } = this.#lock;
    for (let i = 0; !ownFirst && this.#begun === undefined && i < rings.length; i++) {
      const ring = rings[this.#nextRing];
      this.#nextRing = (this.#nextRing + 1) % rings.length;
      this.#visits++;
      // Only the bytes that are committed now, so that a producer that never stops can't keep the others waiting.
      if (ring !== undefined) this.#begin(ring, ring.pending);
      length = this.#copyBegun(length);
    }
    if (this.#begun !== undefined) return { bytes: this.#chunk, answers: 0 };
    const { length: end, answers } = this.#own.copyTo(this.#chunk, length, this.#visits);
    this.#ownFirst = end > 0 && this.#own.isDue(this.#visits);
    const large = end === 0 ? this.#own.shift() : undefined;
    if (large !== undefined) return this.#pieceOf(large);
    const all = this.#own.isDue(this.#visits) ? end : this.#copyLate(end);
    return { bytes: this.#chunk.subarray(0, all), answers };
  }

  /** Makes as many late messages as the chunk has room for, between two messages. @returns where the chunk ends then */
  #copyLate(start: number): number {
    let length = start;
    while (this.#chunk.length - length >= LATE_BYTES) {
      const make = this.#late.shift();
      if (make === undefined) break;
      const bytes = make();
      if (bytes === undefined) continue;
      this.#chunk.set(bytes, length);
      length += bytes.length;
      this.framesOut++;
      this.bytesOut += bytes.length;
    }
    return length;
  }

  /** A message that is larger than a chunk leaves in several, and nothing comes between them. */
  #pieceOf({ bytes, isAnswer }: Outgoing): { bytes: Uint8Array; answers: number } {
    const rest = bytes.subarray(this.#chunk.length);
    this.#large = rest.length === 0 ? undefined : { bytes: rest, isAnswer };
    return {
      bytes: bytes.subarray(0, this.#chunk.length),
      answers: isAnswer && rest.length === 0 ? 1 : 0,
    };
  }

  /** Copies as much of the ring that was begun as the chunk has room for. @returns where the chunk ends then */
  #copyBegun(length: number): number {
    const begun = this.#begun;
    if (begun === undefined) return length;
    const part = Math.min(begun.left, this.#chunk.length - length);
    begun.ring.copyTo(this.#chunk, length, part);
    begun.ring.advance(part);
    begun.left -= part;
    if (begun.left === 0) this.#begun = undefined;
    return length + part;
  }

  /** Tells producers that wait asynchronously to try again; one that still finds no room announces itself again. */
  #tellWaiting(): void {
    this.#lock.rings.forEach((ring, slot) => {
      if (ring.clearAsyncWait()) this.#host.onRoom(slot as SlotNumber);
    });
  }

  #lost(error: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#own.clear();
    this.#host.onGone(error);
  }
}
