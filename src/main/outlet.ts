import { RING_BYTES } from '../shared-memory/indexes.ts';
import type { SlotNumber } from '../shared-memory/region.ts';
import type { TakeEnd } from '../shared-memory/outbound-ring.ts';
import type { MainWriteLock } from '../shared-memory/write-lock.ts';

/** Where bytes leave the process; waits for the pipe, without blocking. */
export interface WireSink {
  /** Writes all of `bytes`, which stay untouched until `done` is called. One write at a time. */
  write(bytes: Uint8Array, done: (error?: Error) => void): void;
}

export interface OutletEvents {
  /** A producer that waits asynchronously has room again. */
  onRoom(slot: SlotNumber): void;
  /** The host can't be written to any more. */
  onGone(error: Error): void;
  /** Something was written: there may be room for more. */
  onWritten(): void;
  /** Answers that the host has not read, after each change. */
  onOwed(answers: number): void;
}

interface Outgoing {
  readonly bytes: Uint8Array;
  readonly isAnswer: boolean;
}

/**
 * The one funnel of main: its own messages, what the rings hold when main has the lock, and what a worker could not
 * write at once.
 *
 * Main holds the lock from the first byte of a chunk until everything is out; workers meanwhile fill their rings. Each
 * chunk ends on a message's boundary, so main is never left with half a frame when it releases.
 */
export class Outlet {
  readonly #lock: MainWriteLock;
  readonly #sink: WireSink;
  readonly #events: OutletEvents;
  /** One write is under way at a time, so one buffer serves them all. */
  readonly #chunk = new Uint8Array(RING_BYTES);
  #queue: Outgoing[] = [];
  #queuedBytes = 0;
  #owed = 0;
  #writing = false;
  #inTurn = false;
  #scheduled = false;
  #gone = false;
  #nextRing = 0;
  /** The next chunk begins with main's own messages: they were left out of the last one. */
  #queueFirst = false;
  /** The queue's first entry completes a frame that is half on the wire: no ring may come before it. */
  #isMidFrame = false;
  /** The ring whose frame the last holder left half on the wire: nothing may come before it. */
  #resumed: TakeEnd | undefined;
  #whenHeld: (() => void)[] = [];
  #whenIdle: (() => void)[] = [];
  /** Main's own messages; what comes from rings is counted there. */
  framesOut = 0;
  bytesOut = 0;

  constructor(lock: MainWriteLock, sink: WireSink, events: OutletEvents) {
    this.#lock = lock;
    this.#sink = sink;
    this.#events = events;
  }

  /** Queues one message. @param isAnswer whether it counts against the answers that the host owes a read */
  send(bytes: Uint8Array, isAnswer: boolean): void {
    if (this.#gone) return;
    this.#queue.push({ bytes, isAnswer });
    this.#queuedBytes += bytes.length;
    this.framesOut++;
    this.bytesOut += bytes.length;
    if (isAnswer) this.#events.onOwed(++this.#owed);
    this.schedule();
  }

  /** Bytes that wait in main itself, rings not counted. */
  get queuedBytes(): number {
    return this.#queuedBytes;
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

  /** Resolves once everything committed and queued has been written. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
      this.schedule();
    });
  }

  /** Moves what a slot's ring still holds behind main's own messages. Only inside {@link whenHeld}. */
  spill(slot: SlotNumber): void {
    const bytes = this.#take(this.#lock.rings[slot]);
    if (bytes === undefined) return;
    this.#queue.push({ bytes, isAnswer: false });
    this.#queuedBytes += bytes.length;
  }

  #turn(): void {
    if (this.#gone) return;
    if (this.#lock.wireDead) return this.#lost(new Error('EPIPE'));
    const wasHeld = this.#lock.held;
    if (!this.#lock.tryAcquire()) return;
    if (!wasHeld) this.#resumed = this.#lock.takeResume();
    // An action may spill that ring: what it holds is then queued already, at the front.
    if (this.#whenHeld.length > 0) this.#queueResumed();
    // An action may ask for another, and so lead back here: only the outermost turn goes on to write and release, when
    // all of them have run under the lock.
    if (this.#inTurn) return;
    this.#inTurn = true;
    for (let action = this.#whenHeld.shift(); action !== undefined; action = this.#whenHeld.shift()) action();
    this.#inTurn = false;
    if (!this.#writing) this.#pump();
  }

  /** The half-written frame of the last holder goes first, before anything else can be put on the wire. */
  #queueResumed(): void {
    const bytes = this.#take(this.#resumed);
    this.#resumed = undefined;
    if (bytes === undefined) return;
    this.#queue.unshift({ bytes, isAnswer: false });
    this.#queuedBytes += bytes.length;
    this.#isMidFrame = true;
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
    const { length, answers, large } = this.#gather();
    this.#tellWaiting();
    if (length === 0 && large === undefined) {
      this.#lock.release();
      // What was committed between the last look and the release was left to us.
      if (this.#lock.pendingAnywhere()) return this.#turn();
      for (const resolve of this.#whenIdle.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    const bytes = large ?? this.#chunk.subarray(0, length);
    this.#sink.write(bytes, (error) => {
      this.#writing = false;
      if (error !== undefined && error !== null) return this.#lost(error);
      this.#owed -= answers;
      if (answers > 0) this.#events.onOwed(this.#owed);
      this.#events.onWritten();
      this.#turn();
    });
  }

  /** The next chunk: each ring's backlog in turn, then as many of main's own messages as fit. */
  #gather(): { length: number; answers: number; large?: Uint8Array } {
    let length = 0;
    let answers = 0;
    const { rings } = this.#lock;
    const ringsMayGo = !this.#isMidFrame && !this.#queueFirst;
    const append = (ring: TakeEnd, pending: number): void => {
      ring.copyTo(this.#chunk, length, pending);
      ring.advance(pending);
      length += pending;
    };
    if (this.#resumed !== undefined) append(this.#resumed, this.#resumed.pending);
    this.#resumed = undefined;
    for (let i = 0; ringsMayGo && i < rings.length; i++) {
      const slot = (this.#nextRing + i) % rings.length;
      const ring = rings[slot];
      const pending = ring?.pending ?? 0;
      // A ring's backlog is taken whole or not at all: the chunk ends on a frame's boundary.
      if (ring === undefined || pending === 0 || length + pending > this.#chunk.length) continue;
      append(ring, pending);
    }
    this.#nextRing = (this.#nextRing + 1) % rings.length;
    let taken = 0;
    for (const { bytes, isAnswer } of this.#queue) {
      if (length + bytes.length > this.#chunk.length) break;
      this.#chunk.set(bytes, length);
      length += bytes.length;
      this.#queuedBytes -= bytes.length;
      if (isAnswer) answers++;
      taken++;
    }
    if (taken > 0) this.#queue.splice(0, taken);
    // What found no room behind the rings goes ahead of them next time: rings that never run dry can't hold it up.
    this.#queueFirst = ringsMayGo && length > 0 && this.#queue.length > 0;
    const first = this.#queue[0];
    const large = length === 0 && first !== undefined ? first : undefined;
    if (large !== undefined) {
      this.#queue.shift();
      this.#queuedBytes -= large.bytes.length;
    }
    this.#isMidFrame = false;
    return large === undefined
      ? { length, answers }
      : { length: large.bytes.length, answers: large.isAnswer ? 1 : 0, large: large.bytes };
  }

  /** Tells producers that wait asynchronously to try again; one that still finds no room announces itself again. */
  #tellWaiting(): void {
    this.#lock.rings.forEach((ring, slot) => {
      if (ring.clearAsyncWait()) this.#events.onRoom(slot as SlotNumber);
    });
  }

  #lost(error: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#queue = [];
    this.#events.onGone(error);
  }
}
