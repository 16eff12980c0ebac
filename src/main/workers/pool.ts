import { MessageChannel, receiveMessageOnPort, type Worker } from 'node:worker_threads';
import type { Region, SlotNumber } from '../../shared-memory/region.ts';
import { SlotWords } from '../../shared-memory/slot-words.ts';
import type { MainWriteLock } from '../../shared-memory/write-lock.ts';
import { OP, type FromWorker, type RequestTask, type StreamStart } from '../../threads/messages.ts';
import { endThread } from './end-thread.ts';
import type { Outlet } from '../output/outlet.ts';
import { PoolWorker } from './pool-worker.ts';
import { giveSeat, type ThreadSource } from './thread-source.ts';
import type { Clock } from '../../base/clock.ts';
import type { Manifest } from '../../threads/manifest.ts';

/** What a worker says of its module's work; the rest, which is of the thread, is for the pool. */
export type WorkMessage = Exclude<FromWorker, { type: 'bell' | 'loaded' | 'loadFailed' | 'retire' }>;

/** The part of main that the pool reports to. */
export interface PoolHost {
  /** The worker begins to load its own copy of the module. */
  onSeated(worker: PoolWorker): void;
  /** The worker is ready for jobs. */
  onLoaded(worker: PoolWorker, manifest: Manifest): void;
  /** The module could not be loaded by this worker. */
  onLoadFailed(worker: PoolWorker, message: string): void;
  onWorkerMessage(worker: PoolWorker, message: WorkMessage): void;
  /** The worker can't write any more; what it had committed is on its way, and its jobs' terminals can follow. */
  onFenced(worker: PoolWorker, how: string): void;
  /** The thread has exited. @param how for a person */
  onExited(worker: PoolWorker, how: string): void;
  /** A thread died while it wrote: nobody knows how much arrived. */
  onWireUnknown(): void;
}

/** How long a thread may take to load the module, in ms. */
const LOAD_MS = 10_000;

/** Main's own backlog above which no new worker gets a seat: what ended workers left must be read first. */
const MAX_SPILLED_BYTES = 8 << 20;

/**
 * The worker threads: Piscina starts and replaces them, and runs one task on each, its seat in the shared memory. This class knows
 * which is which, hands them their jobs, and ends them so that the wire stays whole.
 */
export class WorkerPool {
  readonly workers = new Set<PoolWorker>();
  readonly #piscina: ThreadSource;
  readonly #region: Region;
  readonly #lock: MainWriteLock;
  readonly #outlet: Outlet;
  readonly #clock: Clock;
  readonly #file: string;
  readonly #host: PoolHost;
  readonly #freeSlots: SlotNumber[];
  #incarnations = 0;
  restarts = 0;
  #isDestroyed = false;
  /** Why the last thread died that died while it loaded the module; cleared by the next one's arrival. */
  #diedLoading: string | undefined;
  #framesOut = 0;
  #bytesOut = 0;

  /** @param threads started in this turn: none of them has told yet that it is there @param file of the module */
  constructor(
    threads: ThreadSource,
    file: string,
    shared: { region: Region; lock: MainWriteLock; outlet: Outlet; clock: Clock },
    host: PoolHost,
  ) {
    this.#region = shared.region;
    this.#lock = shared.lock;
    this.#outlet = shared.outlet;
    this.#clock = shared.clock;
    this.#file = file;
    this.#host = host;
    this.#freeSlots = Array.from({ length: shared.region.slots }, (_, slot) => slot as SlotNumber);
    this.#piscina = threads;
    // Only from this event on can Piscina give it a task.
    this.#piscina.on('workerCreate', (worker: { id: number }) => this.#onThread(worker.id));
    // A thread that fails without a task: its exit tells us, Piscina replaces it.
    this.#piscina.on('error', () => {});
  }

  /** Hands a job to a `ready` worker, behind what was posted for it; a stream goes with the next {@link flush}. */
  dispatch(worker: PoolWorker, task: StreamStart | RequestTask): void {
    if (task.kind === 'stream') return worker.postOpen(task);
    worker.flush();
    worker.port.postMessage(task);
  }

  /** Sends every worker what was posted for it. */
  flush(): void {
    for (const worker of this.workers) if (worker.hasPosts) worker.flush();
  }

  /**
   * Ends a worker so that it tears nothing: as holder of the lock, take its right to write, and only then its life.
   *
   * @param why for the streams that it takes along
   */
  end(worker: PoolWorker, why: string): void {
    if (worker.phase === 'fenced' || worker.phase === 'gone') return;
    this.#fence(worker, `the worker was ended: ${why}`, () => endThread(worker.thread));
  }

  /** Ends a worker that holds the lock and doesn't let go. What it leaves of its section is looked at when it has exited. */
  endHolder(slot: SlotNumber): void {
    const worker = this.#on(slot);
    if (worker === undefined || worker.failure !== undefined) return;
    worker.failure =
      'its handler was stopped in the middle of a write, by a full stack or a timeout of its own';
    endThread(worker.thread);
  }

  /** Tells a worker whose handlers wait for room in its ring that there is some. */
  tellRoom(slot: SlotNumber): void {
    const worker = this.#on(slot);
    worker?.post(OP.room, 0);
    worker?.flush();
  }

  #on(slot: SlotNumber): PoolWorker | undefined {
    for (const worker of this.workers) if (worker.seat?.slot === slot) return worker;
    return undefined;
  }

  /**
   * Looks at the lock and the rings whatever the bells say, about once a second: a handler can be stopped anywhere, also
   * between what it has done and the bell that tells of it.
   */
  lookAgain(): void {
    for (const { seat } of this.workers) seat?.clearBell();
    this.#outlet.schedule();
  }

  /** Ends retiring workers that have nothing left to do. */
  retireIdle(): void {
    for (const worker of this.workers) {
      if (worker.phase === 'retiring' && worker.running === 0) this.end(worker, 'it retires');
    }
  }

  /** Frames and bytes that went out so far, main's own included. To be called more than once per 4 GiB. */
  traffic(): { framesOut: number; bytesOut: number } {
    for (const worker of this.workers) this.#count(worker);
    return {
      framesOut: this.#framesOut + this.#outlet.framesOut,
      bytesOut: this.#bytesOut + this.#outlet.bytesOut,
    };
  }

  /** What is counted of a worker is what it had committed when it was fenced: later frames are nobody's. */
  #count({ seat, fence }: PoolWorker): void {
    if (seat === undefined || fence !== undefined) return;
    const { frames, bytes } = seat.takeTraffic();
    this.#framesOut += frames;
    this.#bytesOut += bytes;
  }

  /** Ends all threads. Resolves when they are gone; a thread inside a native call may keep it waiting. */
  destroy(): Promise<void> {
    this.#isDestroyed = true;
    for (const { thread } of this.workers) endThread(thread);
    return this.#piscina.destroy();
  }

  #fence(worker: PoolWorker, how: string, then: () => void): void {
    const { seat } = worker;
    worker.phase = 'fenced';
    if (seat === undefined) return then();
    this.#outlet.whenHeld(() => {
      if (worker.fence === undefined) {
        this.#count(worker);
        // Everything that it committed up to here goes out; what it commits from here on never will.
        this.#outlet.spill(seat.slot);
        worker.fence = seat.head;
        this.#lock.revoke(seat.slot);
        this.#host.onFenced(worker, how);
      }
      then();
    });
  }

  #onThread(threadId: number): void {
    const thread = this.#piscina.threads.find((candidate: Worker) => candidate.threadId === threadId);
    if (thread === undefined) return;
    const worker = new PoolWorker(thread, new MessageChannel(), ++this.#incarnations);
    this.workers.add(worker);
    worker.port.on('message', (message: FromWorker) => this.#onMessage(worker, message));
    thread.on('error', (error: Error) => {
      worker.failure ??= error.message;
      // Piscina has no more tasks for it: one would stay in the queue, ahead of all others.
      if (worker.phase === 'starting') worker.phase = 'fenced';
    });
    thread.once('exit', (code) => this.#onExit(worker, code));
    if (this.#diedLoading === undefined) return this.seatWaiting();
    // The last thread died of the module; this one doesn't try before a job asks for it.
    worker.failure = this.#diedLoading;
    this.#diedLoading = undefined;
    worker.phase = 'broken';
    this.#host.onLoadFailed(worker, worker.failure);
  }

  /** Gives free seats to threads that wait for one. */
  seatWaiting(): void {
    for (const worker of this.workers) {
      if (worker.phase !== 'starting') continue;
      if (this.#outlet.queuedBytes > MAX_SPILLED_BYTES) return;
      const slot = this.#freeSlots.pop();
      if (slot === undefined) return;
      worker.seat = new SlotWords(this.#region, slot);
      worker.seat.reset();
      worker.phase = 'loading';
      giveSeat(this.#piscina, worker.threadId, { slot, port: worker.threadPort });
      worker.cancelLoadTimer = this.#clock.after(LOAD_MS, () => {
        this.#loadFailed(worker, `the module file ${this.#file} did not load within ${LOAD_MS / 1000} s`);
      });
      this.#host.onSeated(worker);
    }
  }

  #onMessage(worker: PoolWorker, message: FromWorker): void {
    switch (message.type) {
      case 'bell':
        // Cleared before the look at the rings: a frame committed later rings again.
        worker.seat?.clearBell();
        this.#outlet.schedule();
        return;
      case 'loaded':
        return this.#loaded(worker, message.manifest);
      case 'loadFailed':
        return this.#loadFailed(worker, message.message);
      case 'retire':
        if (worker.phase !== 'ready') return;
        worker.phase = 'retiring';
        this.retireIdle();
        return;
      default:
        return this.#host.onWorkerMessage(worker, message);
    }
  }

  #loaded(worker: PoolWorker, manifest: Manifest): void {
    if (worker.phase !== 'loading') return;
    worker.cancelLoadTimer?.();
    worker.phase = 'ready';
    this.#host.onLoaded(worker, manifest);
  }

  #loadFailed(worker: PoolWorker, message: string): void {
    if (worker.phase !== 'loading') return;
    worker.cancelLoadTimer?.();
    worker.phase = 'broken';
    worker.failure = message;
    this.#host.onLoadFailed(worker, message);
  }

  /** Takes what has arrived from a worker, ahead of the event loop. */
  #hear(worker: PoolWorker): void {
    for (
      let entry = receiveMessageOnPort(worker.port);
      entry !== undefined;
      entry = receiveMessageOnPort(worker.port)
    ) {
      this.#onMessage(worker, entry.message as FromWorker);
    }
  }

  #onExit(worker: PoolWorker, code: number): void {
    // The process ends: there is nobody left to tell.
    if (this.#isDestroyed) return;
    this.restarts++;
    this.#hear(worker);
    const { seat } = worker;
    const wasLoading = worker.phase === 'loading';
    const how = worker.failure ?? `its thread exited with code ${code}`;
    if (seat !== undefined && this.#lock.inherit(seat.slot) === 'unknown') return this.#host.onWireUnknown();
    this.#fence(worker, `the worker ended while the handler ran: ${how}`, () => {
      worker.phase = 'gone';
      this.workers.delete(worker);
      worker.port.close();
      // A frame whose bell died with the thread goes out now.
      this.#outlet.schedule();
      if (seat !== undefined) this.#freeSlots.push(seat.slot);
      if (wasLoading) {
        worker.cancelLoadTimer?.();
        this.#diedLoading = `the module file ${this.#file} ended its thread while it was loaded: ${how}`;
        this.#host.onLoadFailed(worker, this.#diedLoading);
      }
      this.#host.onExited(worker, how);
      this.seatWaiting();
    });
  }
}
