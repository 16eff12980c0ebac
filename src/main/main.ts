import type { Stats } from '../base/stats.ts';
import type { Clock } from '../base/clock.ts';
import { Region, type SlotNumber } from '../shared-memory/region.ts';
import type { Manifest } from '../threads/manifest.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';
import type { MalformedError } from '../wire/capnp/malformed.ts';
import { AllCalls } from './all-calls.ts';
import type { RequestEntry } from './calls/requests.ts';
import { Scheduler } from './calls/scheduler.ts';
import type { MainEnvironment } from './environment.ts';
import { Demux } from './input/demux.ts';
import { ReadLoop, type ReadLoopHost } from './input/read-loop.ts';
import { EXIT, type ServeOptions } from './options.ts';
import { Answers } from './output/answers.ts';
import { TimedLock } from './output/timed-lock.ts';
import { Outlet, type OutletHost } from './output/outlet.ts';
import { EarlyEnd, type EarlyEndHost } from './process/early-end.ts';
import { EXIT_LINGER_MS } from './process/exit.ts';
import { Lifecycle, type LifecycleHost } from './process/lifecycle.ts';
import { PartFigures, type LoadFigures } from './process/part-figures.ts';
import { ProcessFigures } from './process/process-figures.ts';
import type { StreamEntry } from './streams/stream-entry.ts';
import { KeyValues } from './workers/key-values.ts';
import { ModuleCopies } from './workers/module-copies.ts';
import { workerSettings } from './workers/worker-settings.ts';
import type { PoolHost, WorkMessage } from './workers/pool-host.ts';
import { WorkerPool } from './workers/pool.ts';
import type { PoolWorker } from './workers/pool-worker.ts';
import { ServiceRoutes } from './workers/services.ts';
import type { Shortage } from './workers/worker-supply.ts';

/**
 * The main thread: its parts, and all that they tell one another.
 *
 *     source → ReadLoop → Demux ─┬─ Streams ──┐
 *                                ├─ Requests ─┼─ Scheduler → WorkerPool → workers ⇒ rings ─┐
 *                                ├─ KeyValues, ServiceRoutes                               │
 *                                └─ Lifecycle                          Outlet ◄────────────┘→ sink
 *
 * {@link AllCalls} has the streams and the requests, and gives both what they ask of main.
 *
 * A part knows the parts that it calls. What it reports goes to Main, by the methods below. Each event from outside (bytes of the
 * host, a message or the end of a thread, a chunk that was written) ends with {@link Main.#settle}.
 */
export class Main implements ReadLoopHost, PoolHost, OutletHost, LifecycleHost, EarlyEndHost {
  readonly options: ServeOptions;
  readonly clock: Clock;
  readonly #environment: MainEnvironment;
  readonly #outlet: Outlet;
  readonly #lock: TimedLock;
  readonly #answers: Answers;
  readonly #pool: WorkerPool;
  readonly #scheduler: Scheduler<StreamEntry | RequestEntry>;
  readonly #copies = new ModuleCopies();
  readonly #keyValues: KeyValues;
  readonly #services: ServiceRoutes;
  readonly #calls: AllCalls;
  readonly #lifecycle: Lifecycle;
  readonly #earlyEnd = new EarlyEnd(this);
  readonly #counts: PartFigures;
  readonly #figures: ProcessFigures;
  readonly #demux: Demux;
  readonly #reading: ReadLoop;
  #manifest: Manifest | undefined;
  #isExiting = false;
  #onIdle = (): void => {};

  /** Serves from now on: the threads start here, and reading begins at the end of this turn. */
  constructor(options: ServeOptions, environment: MainEnvironment) {
    this.options = options;
    this.clock = environment.clock;
    this.#environment = environment;
    // A slot more for each thread that may be finishing while its replacement serves.
    const slots = options.workers + options.maxLingering;
    const region = Region.allocate(slots, slots * options.streamsPerWorker);
    const links = environment.openLinks(workerSettings(options, region));
    this.#lock = new TimedLock(region, this.clock);
    const sink = environment.openSink((error) => this.onGone(error));
    this.#outlet = new Outlet(this.#lock, sink, this);
    this.#answers = new Answers(this.#outlet, options.maxErrorMessageBytes);
    const shared = { links, region, lock: this.#lock, outlet: this.#outlet, clock: this.clock };
    this.#pool = new WorkerPool(options, shared, this);
    this.#scheduler = new Scheduler(
      this.#pool.workers,
      options.streamsPerWorker,
      region,
      () => this.#outlet.queuedBytes > 2 * options.maxMessageBytes,
    );
    this.#keyValues = new KeyValues(options, this.#copies, environment.log);
    this.#services = new ServiceRoutes(options, (message) => {
      if (this.#reading.isListening) this.#outlet.send(message, false);
    });
    this.#calls = new AllCalls({
      options,
      clock: this.clock,
      outlet: this.#outlet,
      answers: this.#answers,
      scheduler: this.#scheduler,
      pool: this.#pool,
      copies: this.#copies,
      keyValues: this.#keyValues,
    });
    this.#lifecycle = new Lifecycle(this, this.#answers);
    this.#figures = new ProcessFigures(this.clock, region, () => this.#counts.all());
    // The threads boot while main opens the rest.
    this.#pool.start();
    const wireLimits = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: options.maxMessageBytes };
    this.#demux = new Demux(wireLimits, {
      streams: this.#calls.streams,
      requests: this.#calls.requests,
      lifecycle: this.#lifecycle,
      keyValues: this.#keyValues,
      services: this.#services,
      answers: this.#answers,
    });
    this.#reading = new ReadLoop(wireLimits, (events) => environment.openSource(events), this.#demux, this);
    this.#counts = new PartFigures({
      streams: this.#calls.streams,
      scheduler: this.#scheduler,
      pool: this.#pool,
      lock: this.#lock,
      demux: this.#demux,
      reading: this.#reading,
    });
    if (options.statsMs > 0) this.#figures.printEvery(options.statsMs);
  }

  // From the process around main.

  onSignal(code: number): void {
    this.#lifecycle.onSignal(code);
  }

  /** The host's process is gone, although its pipes may still be open. */
  onHostGone(): void {
    this.#lifecycle.onHostGone();
  }

  /** The host has closed its reading side. */
  onUnreadable(error: Error): void {
    // An end that is under way has its own time for a host that doesn't read.
    if (!this.#lifecycle.isEnding) this.onGone(error);
  }

  /** Main has thrown where nobody catches it. Ends every call with `internal` if the wire can still be written, and the process. */
  onFailure(thrown: unknown): void {
    this.#earlyEnd.onFailure(thrown, this.#isExiting);
  }

  /** To be called about once a second. */
  onTick(): void {
    this.#pool.traffic();
    this.#pool.start();
    this.#pool.lookAgain();
    const stuck = this.#lock.lookForStuckHolder();
    if (stuck !== undefined) this.#pool.endHolder(stuck);
    this.#figures.tick();
  }

  stats(): Stats {
    return this.#figures.stats();
  }

  /** The name that the module gives itself; `undefined` until the first worker has loaded it. */
  get moduleName(): string | undefined {
    return this.#manifest?.name;
  }

  /** Ends the worker on a slot as if it had crashed. @param why for a person */
  killWorker(slot: SlotNumber, why: string): void {
    this.#pool.kill(slot, why);
  }

  // From the read loop.

  onRead(): void {
    this.#settle();
  }

  onBroken({ message: why }: MalformedError): void {
    this.#earlyEnd.onBroken(why);
  }

  onInputEnd(): void {
    this.#lifecycle.onInputEnd();
  }

  // From the pool.

  onStarted(worker: PoolWorker): void {
    this.#keyValues.add(worker);
  }

  onLoaded(worker: PoolWorker, manifest: Manifest): void {
    this.#figures.onReady(worker);
    if (this.#manifest === undefined) {
      this.#manifest = manifest;
      this.#calls.onManifest(manifest);
      this.#lifecycle.onManifest(manifest);
    }
    this.#settle();
    this.#keyValues.flush(worker);
  }

  onBadModule(why: string): void {
    if (!this.#isExiting) this.log(why);
    this.exit(EXIT.badModule);
  }

  onShort({ missing, why }: Shortage): void {
    this.log(`missing workers: ${missing} of ${this.options.workers}, to be tried again. The cause: ${why}`);
    this.#figures.onShort(missing, why);
  }

  onFull(): void {
    this.log(`all ${this.options.workers} workers serve again`);
    this.#figures.onShort(0, '');
  }

  onNone(why: string): void {
    this.log(`no worker could be had for ${this.options.unavailableMs / 1000} s, calls are refused: ${why}`);
    this.#calls.refuseWaiting(why);
    this.#lifecycle.onNoWorker(why);
    this.#settle();
  }

  onWorkerMessage(worker: PoolWorker, message: WorkMessage): void {
    switch (message.type) {
      case 'settled':
        this.#calls.onSettled(message.jobId);
        return this.#settle();
      case 'progress':
        return this.#calls.streams.onProgress(message.jobId, message.memory);
      case 'answer':
        return this.#calls.requests.onAnswer(message.jobId, message.ok, message.payload);
      case 'service':
        return this.#services.onRequest(worker, message);
      case 'serviceAbandoned':
        return this.#services.onAbandoned(worker, message.sequence);
      case 'serviceDone':
        return this.#services.onTaken(worker, message.bytes);
      case 'kvDone':
        return this.#keyValues.onDone(worker, message.bytes);
      case 'closed':
        return this.#copies.onClosed(worker);
    }
  }

  onRevoked(worker: PoolWorker, how: string): void {
    const { failure } = this.#earlyEnd;
    if (failure !== undefined) this.#calls.failOn(worker, failure);
    this.#keyValues.forget(worker);
    this.#services.forget(worker);
    this.#copies.onClosed(worker);
    this.#calls.onRevoked(worker, how);
    // The end of the process waits for what is owed to the host, not for a thread that finishes by itself.
    if (this.#calls.isIdle) this.#onIdle();
  }

  onExited(worker: PoolWorker, how: string): void {
    this.#figures.onExited(worker, how);
    this.#calls.onWorkerExit(worker, how);
    this.#settle();
  }

  onWireUnknown(): void {
    this.#earlyEnd.onWireUnknown();
  }

  // From the outlet.

  onRoom(slot: SlotNumber): void {
    this.#pool.tellRoom(slot);
  }

  onWritten(): void {
    this.#settle();
  }

  /** A host that only writes gets no further than this; whatever it has sent is still worked on. */
  onUnreadAnswers(answers: number): void {
    this.#reading.allow(answers < this.options.maxUnreadAnswers);
  }

  onGone(error: Error): void {
    this.#earlyEnd.onGone(error);
  }

  // From an early end.

  failCalls(why: string): void {
    this.#lifecycle.onFailure(why);
    this.#calls.failWaiting(why);
    // Their rights to write first: no frame of a handler may follow the terminal frame of its stream.
    for (const worker of [...this.#pool.workers]) this.#pool.end(worker, why);
  }

  sendLast(message: Uint8Array): Promise<void> {
    return this.#outlet.lastWord(message);
  }

  // From the process's life.

  log(line: string): void {
    this.#environment.log(line);
  }

  configure(config: Uint8Array): void {
    this.#copies.configure(config);
  }

  /** Why no call can be taken: no worker could be had for a while. `undefined` while calls may wait. */
  unavailable(): string | undefined {
    return this.#pool.unavailable;
  }

  acceptProgress(): void {
    this.#calls.streams.progress.accept();
  }

  drain(): void {
    this.#calls.drain();
  }

  cancelAll(reason: string): void {
    this.#calls.cancelAll(reason);
    this.#settle();
  }

  workDone(): Promise<void> {
    return this.#calls.isIdle ? Promise.resolve() : new Promise((resolve) => (this.#onIdle = resolve));
  }

  closeModules(): Promise<void> {
    this.#pool.keepAwake();
    return this.#copies.close(this.#pool.workers);
  }

  stopListening(): void {
    this.#reading.stopListening();
  }

  flushed(): Promise<void> {
    return this.#outlet.idle();
  }

  taken(): number | undefined {
    return this.#outlet.taken;
  }

  figures(): LoadFigures {
    return this.#counts.load();
  }

  exit(code: number, patienceMs?: number): void {
    const isFirst = !this.#isExiting;
    this.#isExiting = true;
    if (isFirst) this.#figures.end();
    this.#environment.exit(
      this.#earlyEnd.failure === undefined ? code : EXIT.failed,
      () => this.#pool.destroy(EXIT_LINGER_MS + (patienceMs ?? 0)),
      patienceMs,
    );
  }

  /** Ends every event from outside: starts calls, wakes workers for others, sends posts, ends idle workers, tells if all is idle. */
  #settle(): void {
    this.#calls.startPlaced();
    if (this.#scheduler.hasWaiting && this.#pool.sleeping > 0)
      this.#pool.wake(this.#scheduler.wanted(this.options.workers));
    this.#pool.flush();
    this.#pool.endIdle();
    if (this.#calls.isIdle) this.#onIdle();
  }
}
