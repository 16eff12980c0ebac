import type { TestContext } from 'node:test';
import { GLOBAL, LOCK_FREE, SLOT } from '../../../src/shared-memory/layout.ts';
import { MainWriteLock, WorkerWriteLock } from '../../../src/shared-memory/write-lock.ts';
import { Outlet } from '../../../src/main/output/outlet.ts';
import { RingProducer } from '../../../src/shared-memory/outbound-ring.ts';
import { Region, type SlotNumber } from '../../../src/shared-memory/region.ts';
import { makeFrame, MemorySink } from './ring-frames.ts';

/** One worker's producing side; its writes go where main's go: onto one wire in memory. */
export interface BenchWorker {
  readonly ring: RingProducer;
  readonly lock: WorkerWriteLock;
  bells: number;
  /** Commits the worker's next frame and returns its number. */
  readonly commit: (size: number) => number;
}

/** Workers and main around one lock, all on this thread, so that every interleaving is the test's to choose. */
export class LockHarness {
  readonly region: Region;
  readonly sink = new MemorySink();
  readonly main: MainWriteLock;
  readonly outlet: Outlet;
  readonly workers: BenchWorker[];
  /** What happened at the outlet's edge, in order: `room 1`, `gone EPIPE`. */
  readonly events: string[] = [];
  /** Main's writes that have ended well. */
  written = 0;
  /** Each change of what the host owes a read. */
  readonly owed: number[] = [];
  /** Bytes that a worker's next write attempts take: one number an attempt, then everything. */
  allow: number[] = [];
  /** Runs before each attempt of a worker, while it holds the lock. */
  onWrite: () => void = () => {};
  /** Write attempts of workers so far. */
  attempts = 0;

  /** @param position where each ring begins */
  constructor(slots: number, position = 0) {
    this.region = Region.allocate(slots, slots);
    for (let slot = 0; slot < slots; slot++) {
      const base = this.region.slotBase(slot as SlotNumber);
      this.region.words[base + SLOT.tail] = this.region.words[base + SLOT.head] = position;
    }
    this.main = new MainWriteLock(this.region);
    this.outlet = new Outlet(this.main, this.sink, {
      onRoom: (slot) => this.events.push(`room ${slot}`),
      onGone: (error) => this.events.push(`gone ${error.message}`),
      onWritten: () => this.written++,
      onUnreadAnswers: (answers) => this.owed.push(answers),
    });
    this.workers = Array.from({ length: slots }, (_, slot) => this.#worker(slot));
  }

  worker(slot: number): BenchWorker {
    const worker = this.workers[slot];
    if (worker === undefined) throw new Error(`there is no worker ${slot}`);
    return worker;
  }

  /** One turn of main, now. */
  turn(): void {
    this.outlet.whenHeld(() => {});
  }

  #worker(slot: number): BenchWorker {
    let next = 0;
    const ring = new RingProducer(this.region, slot as SlotNumber);
    const worker: BenchWorker = {
      ring,
      bells: 0,
      lock: new WorkerWriteLock(
        this.region,
        slot as SlotNumber,
        (bytes, offset, length) => {
          this.attempts++;
          this.onWrite();
          const allowed = Math.min(length, this.allow.shift() ?? length);
          if (allowed > 0) this.sink.append(bytes.subarray(offset, offset + allowed));
          return allowed;
        },
        () => worker.bells++,
      ),
      commit: (size) => {
        ring.commit(makeFrame(slot, next, size));
        return next++;
      },
    };
    return worker;
  }
}

/** Runs `action` once, right before the next holder lets the lock go: after its last look, and before it is free. */
export function beforeRelease(t: TestContext, bench: LockHarness, action: () => void): void {
  const store = Atomics.store.bind(Atomics);
  const mock = t.mock.method(Atomics, 'store', (words: Int32Array, index: number, value: number) => {
    if (words === bench.region.words && index === GLOBAL.lock && value === LOCK_FREE) {
      mock.mock.restore();
      action();
    }
    return store(words, index, value);
  });
}
