import { getSystemErrorName } from 'node:util';
import type { SlotNumber } from '../../shared-memory/region.ts';
import type { TakeEnd } from '../../shared-memory/outbound-ring.ts';
import type { MainWriteLock } from '../../shared-memory/write-lock.ts';
import { OwnMessages, type Outgoing } from './own-messages.ts';
import type { WireSink } from './sink.ts';

/** The part of main that the outlet reports to. */
export interface OutletHost {
  /** A producer that waits asynchronously has room again. */
  onRoom(slot: SlotNumber): void;
  /** The host can't be written to any more. */
  onGone(error: Error): void;
  /** Something was written: there may be room for more. */
  onWritten(): void;
  /** After each change of the number of answers that the host has not read. */
  onUnreadAnswers(answers: number): void;
}

/**
 * Bytes that main hands to the sink at once: half of what a pipe holds. The host then reads one chunk while the next is written; a
 * chunk that fills the pipe makes each side sleep while the other one copies, and a third fewer bytes get through.
 */
const CHUNK_BYTES = 32_768;

/**
 * The one funnel of main: its own messages, what the rings hold when main has the lock, and what a worker could not
 * write at once.
 *
 * Main holds the lock from the first byte of a chunk until everything is out; workers meanwhile fill their rings. A ring's
 * backlog may take several chunks, and nothing comes between them: it ends on a message's boundary, so main is never left
 * with half a frame when it releases.
 */
export class Outlet {
  readonly #lock: MainWriteLock;
  readonly #sink: WireSink;
  readonly #host: OutletHost;
  /** One write is under way at a time, so one buffer serves them all. */
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  readonly #own = new OwnMessages();
  #unreadAnswers = 0;
  #taken = 0;
  #writing = false;
  #inTurn = false;
  #scheduled = false;
  #gone = false;
  #nextRing = 0;
  /** Main's own messages go before the next ring: they were left out of the last chunk. */
  #ownFirst = false;
  /** The ring that a chunk or the last holder has begun, and how much of it must follow before anything else may. */
  #begun: { readonly ring: TakeEnd; left: number } | undefined;
  /** The last word was said: nothing else follows it, and the lock is never given back. */
  #isLast = false;
  /** How often a ring was looked at, and its backlog taken. */
  #visits = 0;
  /** What is left of the message that is being written in pieces. */
  #large: Outgoing | undefined;
  #whenHeld: (() => void)[] = [];
  #whenIdle: (() => void)[] = [];
  /** Main's own messages; what comes from rings is counted there. */
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
   * Queues one answer that may not overtake what any worker has committed: a stream's last frame, say, whose id may have had
   * another life that ends in a ring. Once every ring has been looked at again, all of that is ahead of it.
   */
  sendBehindRings(bytes: Uint8Array): void {
    if (this.#gone || this.#isLast) return;
    this.#own.pushBehindRings(bytes, this.#visits + this.#lock.rings.length);
    this.#count(bytes, true);
  }

  #count(bytes: Uint8Array, isAnswer: boolean): void {
    this.framesOut++;
    this.bytesOut += bytes.length;
    if (isAnswer) this.#host.onUnreadAnswers(++this.#unreadAnswers);
    this.schedule();
  }

  /** Bytes that wait in main itself, rings not counted. */
  get queuedBytes(): number {
    return this.#own.bytes;
  }

  /** Looks at lock and rings at the end of this turn: what one read brought leaves in one write. */
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

  /** Bytes that the sink has taken so far; `undefined`: none wait. */
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
   * Says why the connection ends: behind the frame that is half on the wire and the answers that are owed, ahead of whatever
   * streams have to send, and nothing follows it.
   *
   * @returns once it has been written; never, where the host doesn't read
   */
  lastWord(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.whenHeld(() => {
        // Streams that send all the time would hold it up for ever, and those that have ended are owed nothing any more.
        this.#own.keepAnswers();
        this.send(bytes, true);
        this.#isLast = true;
        this.#whenIdle.push(resolve);
      });
    });
  }

  /**
   * Moves what a slot's ring still holds to main's own messages: behind them, or ahead of all where its frame is half on the wire.
   * Only inside {@link whenHeld}.
   */
  spill(slot: SlotNumber): void {
    const ring = this.#lock.rings[slot];
    const isBegun = this.#begun?.ring === ring;
    // The last word is all that follows a frame that is half on the wire.
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
      // Whatever an action throws, main's own end has frames to send.
      this.#inTurn = false;
    }
    if (!this.#writing) this.#pump();
  }

  /** Goes on where the last holder was stopped within a frame. */
  #resume(ring: TakeEnd | undefined): void {
    if (ring !== undefined) this.#begin(ring, ring.pending);
  }

  #begin(ring: TakeEnd, pending: number): void {
    if (pending > 0) this.#begun = { ring, left: pending };
  }

  /** What a ring holds, as bytes of their own; `undefined`: nothing. */
  #take(ring: TakeEnd | undefined): Uint8Array | undefined {
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
        // What was committed between the last look and the release was left to us.
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

  /** The next chunk: what was begun, each other ring's backlog in turn, then as many of main's own messages as fit; or none. */
  #gather(): { bytes: Uint8Array; answers: number } {
    if (this.#large !== undefined) return this.#pieceOf(this.#large);
    let length = this.#copyBegun(0);
    // Rings that never run dry can't hold main's messages up: what waited behind one goes ahead of the next.
    const ownFirst =
      this.#isLast || this.#own.isMidFrame || this.#ownFirst || (length > 0 && this.#own.isDue(this.#visits));
    const { rings } = this.#lock;
    for (let i = 0; !ownFirst && this.#begun === undefined && i < rings.length; i++) {
      const ring = rings[this.#nextRing];
      this.#nextRing = (this.#nextRing + 1) % rings.length;
      this.#visits++;
      // What is committed now, and not more: a producer that never stops can't keep the others waiting.
      if (ring !== undefined) this.#begin(ring, ring.pending);
      length = this.#copyBegun(length);
    }
    if (this.#begun !== undefined) return { bytes: this.#chunk, answers: 0 };
    const { length: end, answers } = this.#own.copyTo(this.#chunk, length, this.#visits);
    this.#ownFirst = end > 0 && this.#own.isDue(this.#visits);
    const large = end === 0 ? this.#own.shift() : undefined;
    return large === undefined ? { bytes: this.#chunk.subarray(0, end), answers } : this.#pieceOf(large);
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
