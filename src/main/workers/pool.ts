import type { Region, SlotNumber } from '../../shared-memory/region.ts';
import { SlotSignals } from '../../shared-memory/slot-signals.ts';
import type { MainWriteLock } from '../../shared-memory/write-lock.ts';
import { OP, type FromWorker, type RequestTask, type StreamStart } from '../../threads/messages.ts';
import type { Outlet } from '../output/outlet.ts';
import type { ServeOptions } from '../options.ts';
import { LEFT_BEHIND_MS, Lingering } from './lingering.ts';
import { PoolWorker } from './pool-worker.ts';
import type { PoolHost } from './pool-host.ts';
import type { LinkSource } from './worker-link.ts';
import { WorkerSupply, type Place, type Shortage } from './worker-supply.ts';
import { WorkerWrites, type Traffic } from './worker-writes.ts';
import type { Clock } from '../../base/clock.ts';
import type { Manifest } from '../../threads/manifest.ts';

/** The part of the options that concerns the threads. */
export type PoolOptions = Pick<
  ServeOptions,
  'file' | 'workers' | 'minWorkers' | 'idleMs' | 'loadMs' | 'loadsAtOnce' | 'unavailableMs' | 'lingerMs'
>;

/** The parts that the pool shares with the rest of main. */
export interface PoolParts {
  readonly links: LinkSource;
  readonly region: Region;
  readonly lock: MainWriteLock;
  readonly outlet: Outlet;
  readonly clock: Clock;
}

/**
 * While main holds more bytes than this in its own queue, no new thread starts, because the host must first read the frames that
 * ended workers left.
 */
const MAX_SPILLED_BYTES = 8 << 20;

/**
 * The workers: hands them their jobs, and ends them so that the wire stays whole.
 *
 * {@link WorkerSupply} decides when a thread is started, and {@link Lingering} how one is ended; both know nothing of the wire.
 * {@link WorkerWrites} takes the right to write from a worker before it is ended. The region has more slots than there are workers, so that a replacement serves while the thread before it is still there.
 */
export class WorkerPool {
  /** All workers that have a thread, including those that are being ended. */
  readonly workers = new Set<PoolWorker>();
  readonly #options: PoolOptions;
  readonly #parts: PoolParts;
  readonly #host: PoolHost;
  readonly #supply: WorkerSupply;
  readonly #lingering: Lingering;
  readonly #writes: WorkerWrites;
  readonly #freeSlots: SlotNumber[];
  #incarnations = 0;
  /** Number of threads that have exited after they had loaded the module, but for those that were put to sleep. */
  restarts = 0;
  #destroyed: Promise<void> | undefined;
  #onDestroyed: (() => void) | undefined;

  /** Starts no thread yet, see {@link start}. */
  constructor(options: PoolOptions, parts: PoolParts, host: PoolHost) {
    this.#options = options;
    this.#parts = parts;
    this.#host = host;
    const { region, clock } = parts;
    this.#freeSlots = Array.from({ length: region.slots }, (_, at) => (region.slots - 1 - at) as SlotNumber);
    this.#lingering = new Lingering(clock, options);
    this.#writes = new WorkerWrites(parts, (worker, how) => host.onRevoked(worker, how));
    this.#supply = new WorkerSupply(
      { ...options, clock },
      {
        onTurn: (place) => this.#start(place),
        onIdle: (place) => this.#sleep(place),
        hasRoom: () => this.#freeSlots.length > 0 && parts.outlet.queuedBytes <= MAX_SPILLED_BYTES,
        onShort: (shortage) => host.onShort(shortage),
        onFull: () => host.onFull(),
        onNone: (why) => host.onNone(why),
        onBadModule: (why) => host.onBadModule(why),
      },
    );
  }

  /** Starts threads for missing workers if there is room for them. It must be called about once a second. */
  start(): void {
    this.#supply.fill();
  }

  /** Number of workers that can take a job now, or when the job that they run has ended. */
  get serving(): number {
    let serving = 0;
    for (const worker of this.workers) if (worker.isServing) serving++;
    return serving;
  }

  /** Number of workers without a thread, which a call wakes, and of those that wake up. */
  get sleeping(): number {
    return this.#supply.sleeping;
  }

  /** Calls wait that so many further workers could run at once. */
  wake(wanted: number): void {
    this.#supply.wake(wanted);
  }

  /** No worker is put to sleep from here on. */
  keepAwake(): void {
    this.#supply.keepAwake();
  }

  /** The number of workers whose last start or load has failed, and the reason; `undefined` if none is missing. */
  get shortage(): Shortage | undefined {
    return this.#supply.shortage;
  }

  /** The reason why no call can be accepted, because no worker has served for a while; `undefined` while calls may wait. */
  get unavailable(): string | undefined {
    return this.#supply.unavailable;
  }

  /** Number of threads that are left to finish, although other threads have replaced them. */
  get lingering(): number {
    return this.#lingering.size;
  }

  /** Hands a job to a worker, after the operations that were posted for it. A stream is sent with the next {@link flush}. */
  dispatch(worker: PoolWorker, task: StreamStart | RequestTask): void {
    worker.place.idleSince = undefined;
    if (task.kind === 'stream') worker.postOpen(task);
    else worker.postTask(task);
  }

  /** Sends every worker the operations that were posted for it. */
  flush(): void {
    for (const worker of this.workers) if (worker.hasPosts) worker.flush();
  }

  /**
   * Ends a worker so that no frame is left half written. As holder of the lock main first revokes the worker's right to write,
   * and only then ends its thread.
   *
   * @param why the reason for the streams that end with it, for a person
   * @param lingerMs limit in ms for the time that its thread has to finish, if that is less than usual
   */
  end(worker: PoolWorker, why: string, lingerMs = Infinity): void {
    this.#revoke(worker, why, () => this.#lingering.end(worker, lingerMs));
  }

  /** The same for the worker on a slot, but its thread is not left to finish. */
  kill(slot: SlotNumber, why: string): void {
    const worker = this.#on(slot);
    if (worker !== undefined) this.#revoke(worker, why, () => this.#lingering.terminate(worker));
  }

  /** Ends a worker that holds the lock and doesn't release it. When it has exited, main finds out whether it was writing. */
  endHolder(slot: SlotNumber): void {
    const worker = this.#on(slot);
    if (worker === undefined || worker.failure !== undefined) return;
    worker.failure =
      'its handler was stopped in the middle of a write, by a full stack or a timeout of its own';
    this.#lingering.terminate(worker);
  }

  /** Tells a worker whose handlers wait for room in its ring that there is some. */
  tellRoom(slot: SlotNumber): void {
    const worker = this.#on(slot);
    worker?.post(OP.room, 0);
    worker?.flush();
  }

  #on(slot: SlotNumber): PoolWorker | undefined {
    for (const worker of this.workers) if (worker.signals.slot === slot) return worker;
    return undefined;
  }

  /**
   * Looks at the lock and the rings even if no bell has rung. Called about once a second, because a handler can be stopped
   * anywhere, also between a commit and the bell for it.
   */
  lookAgain(): void {
    for (const { signals } of this.workers) signals.clearBell();
    this.#parts.outlet.schedule();
  }

  /** Ends retiring workers that have nothing left to do, notes when others begin to have nothing to do, and ends threads whose handlers were waited for and have ended. */
  endIdle(): void {
    for (const worker of this.workers) {
      if (worker.running > 0) continue;
      if (worker.phase === 'retiring') this.end(worker, 'it retires', LEFT_BEHIND_MS);
      else if (worker.isAwaited) this.#hasFinished(worker);
      else if (worker.phase === 'ready' && worker.place.idleSince === undefined)
        this.#supply.rests(worker.place);
    }
  }

  /** Ends the worker of a place that has had nothing to do for long, unless its module still handles key-value changes. */
  #sleep(place: Place): void {
    for (const worker of this.workers) {
      if (worker.place !== place || worker.phase !== 'ready') continue;
      if (worker.running > 0 || worker.kvInFlight > 0) return this.#supply.rests(place);
      // First, so that a call that comes while the thread ends wakes the place again.
      this.#supply.slept(place);
      worker.isAsleep = true;
      return this.end(worker, 'it had nothing to do', LEFT_BEHIND_MS);
    }
  }

  #hasFinished(worker: PoolWorker): void {
    worker.isAwaited = false;
    this.#lingering.terminate(worker);
  }

  /**
   * Frames and bytes that went out so far, main's own included. It must be called more than once per 4 GiB, because the workers'
   * counts wrap at 2^32.
   */
  traffic(): Traffic {
    return this.#writes.traffic(this.workers);
  }

  /**
   * Ends all threads. Resolves when they are gone; a thread inside a native call may delay that. A further call gives the threads
   * that still live less time.
   *
   * @param lingerMs limit in ms for the time that a thread has to finish if it waits for work that its handler or its load has
   *   begun
   */
  destroy(lingerMs: number): Promise<void> {
    this.#supply.stop();
    this.#destroyed ??= new Promise<void>((resolve) => (this.#onDestroyed = resolve));
    if (!this.#hasThreads) this.#onDestroyed?.();
    for (const worker of this.workers) {
      if (worker.hasExited) continue;
      worker.cancelLoadTimer?.();
      worker.isAwaited = worker.running > 0;
      const isBusy = worker.isAwaited || worker.phase === 'loading';
      this.#lingering.end(worker, isBusy ? lingerMs : 0);
    }
    return this.#destroyed;
  }

  get #hasThreads(): boolean {
    for (const { hasExited } of this.workers) if (!hasExited) return true;
    return false;
  }

  #revoke(worker: PoolWorker, why: string, then: () => void): void {
    if (worker.phase === 'revoked' || worker.phase === 'gone') return;
    worker.isAwaited = worker.running > 0;
    this.#takeRightToWrite(worker, `the worker was ended: ${why}`, then);
  }

  #takeRightToWrite(worker: PoolWorker, how: string, then: () => void): void {
    const { phase } = worker;
    worker.cancelLoadTimer?.();
    worker.phase = 'revoked';
    this.#writes.revoke(worker, how, () => {
      then();
      this.#leavePlace(worker, phase, how);
    });
  }

  /** Frees the place for another thread, perhaps while this thread still lives. */
  #leavePlace(worker: PoolWorker, phase: PoolWorker['phase'], how: string): void {
    const { place, failure, isAsleep } = worker;
    if (isAsleep) return;
    if (phase === 'ready' || phase === 'retiring')
      this.#supply.ended(place, failure ?? how, worker.isInitialised);
    else if (phase === 'loading')
      this.#supply.failed(place, { why: failure ?? how, hasRun: worker.hasBooted });
  }

  #start(place: Place): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new Error('a thread was to start without room for it');
    const { region, links, clock } = this.#parts;
    const signals = new SlotSignals(region, slot);
    signals.reset();
    try {
      const link = links.start(slot, {
        onBooted: () => void (worker.hasBooted = true),
        onMessage: (message) => this.#onMessage(worker, message),
        onError: ({ message }) => void (worker.failure ??= message),
        onExit: (code) => this.#onExit(worker, code),
      });
      const worker = new PoolWorker(signals, link, place, ++this.#incarnations);
      this.workers.add(worker);
      const { file, loadMs } = this.#options;
      worker.cancelLoadTimer = clock.after(loadMs, () => {
        const what = worker.hasBooted
          ? `the module file ${file} did not load`
          : 'a worker thread did not start';
        this.#loadFailed(worker, `${what} within ${loadMs / 1000} s`);
      });
      this.#host.onStarted(worker);
    } catch (error) {
      this.#freeSlots.push(slot);
      const why = `a worker thread could not start: ${(error as Error).message}`;
      this.#supply.failed(place, { why, hasRun: false });
    }
  }

  #onMessage(worker: PoolWorker, message: FromWorker): void {
    switch (message.type) {
      case 'bell':
        // Cleared before the look at the rings, so that a frame that is committed later rings again.
        worker.signals.clearBell();
        this.#parts.outlet.schedule();
        return;
      case 'loaded':
        if (this.#onDestroyed !== undefined) return this.#hasFinished(worker);
        return this.#loaded(worker, message.manifest);
      case 'loadFailed':
        // Its time to finish is running already.
        if (this.#onDestroyed !== undefined) return;
        return this.#loadFailed(worker, message.message, LEFT_BEHIND_MS);
      case 'retire':
        if (worker.phase !== 'ready') return;
        worker.phase = 'retiring';
        return this.endIdle();
      case 'service':
        // The request is of a handler whose stream main has already ended.
        if (worker.phase === 'revoked') return;
        break;
      case 'settled':
        if (this.#onDestroyed === undefined) break;
        if (--worker.running === 0 && worker.isAwaited) this.#hasFinished(worker);
        return;
      default:
    }
    this.#host.onWorkerMessage(worker, message);
  }

  #loaded(worker: PoolWorker, manifest: Manifest): void {
    if (worker.phase !== 'loading') return;
    worker.cancelLoadTimer?.();
    worker.phase = 'ready';
    worker.hasLoaded = true;
    this.#supply.loaded(worker.place);
    this.#host.onLoaded(worker, manifest);
  }

  #loadFailed(worker: PoolWorker, why: string, lingerMs?: number): void {
    if (worker.phase !== 'loading') return;
    worker.failure = why;
    this.end(worker, 'it could not load the module', lingerMs);
  }

  #onExit(worker: PoolWorker, code: number): void {
    this.#lingering.forget(worker);
    worker.hasExited = true;
    if (this.#onDestroyed !== undefined) {
      // The process ends, so nobody needs to be told.
      this.workers.delete(worker);
      worker.link.close();
      if (!this.#hasThreads) this.#onDestroyed();
      return;
    }
    for (let message = worker.link.receive(); message !== undefined; message = worker.link.receive())
      this.#onMessage(worker, message);
    const { signals, phase } = worker;
    const { lock, outlet } = this.#parts;
    const how = this.#howItEnded(worker, code);
    if (phase === 'loading') worker.failure = how;
    if (worker.hasLoaded && !worker.isAsleep) this.restarts++;
    if (lock.inherit(signals.slot) === 'unknown') return this.#host.onWireUnknown();
    this.#takeRightToWrite(worker, `the worker ended while the handler ran: ${how}`, () => {
      worker.phase = 'gone';
      this.workers.delete(worker);
      worker.link.close();
      // The thread may have died between a commit and its bell, so send such a frame now.
      outlet.schedule();
      this.#freeSlots.push(signals.slot);
      this.#host.onExited(worker, how);
      this.#supply.fill();
    });
  }

  #howItEnded({ phase, hasBooted, failure, isAsleep }: PoolWorker, code: number): string {
    if (isAsleep)
      return `it had nothing to do for ${this.#options.idleMs / 1000} s, and sleeps until calls wait`;
    const how = failure ?? `its thread exited with code ${code}`;
    if (phase !== 'loading') return how;
    return hasBooted
      ? `the module file ${this.#options.file} ended its thread while it was loaded: ${how}`
      : `a worker thread could not start: ${how}`;
  }
}
