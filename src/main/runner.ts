import type { ErrorCode } from '../errors.ts';
import { Region } from '../shared-memory/region.ts';
import type { Stats } from '../base/stats.ts';
import { cutUtf8 } from '../base/text.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { encodeIpcError } from '../wire/error-payload.ts';
import { Demux } from './input/demux.ts';
import { KeyValues } from './workers/key-values.ts';
import { Lifecycle } from './process/lifecycle.ts';
import { WatchedLock } from './output/lock-watch.ts';
import { ModuleCopies } from './workers/module-copies.ts';
import { EXIT, type ServeOptions } from './options.ts';
import { onceUnread } from './output/host-stall.ts';
import { Outlet } from './output/outlet.ts';
import type { WorkerPool, WorkMessage } from './workers/pool.ts';
import type { PoolWorker } from './workers/pool-worker.ts';
import { ProcessWatch } from './process/process-figures.ts';
import { ReadLoop } from './input/read-loop.ts';
import { Requests } from './calls/requests.ts';
import { Scheduler, type Assignment } from './calls/scheduler.ts';
import { ServiceRoutes } from './workers/services.ts';
import { Streams } from './streams/streams.ts';
import { threadOptions, type ThreadSource, type ThreadSourceOptions } from './workers/thread-source.ts';
import type { Clock } from '../base/clock.ts';
import type { Manifest } from '../threads/manifest.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';
import type { WireSink } from './output/sink.ts';
import type { SourceEvents, WireSource } from './input/source.ts';

/** What main needs of the process around it. The test kit has another, without descriptors, signals or a child. */
export interface MainEnvironment {
  readonly clock: Clock;
  /** A line for a person. */
  log(this: void, line: string): void;
  openSink(onError: (error: Error) => void): WireSink;
  openSource(events: SourceEvents): WireSource;
  /** Threads boot while main does the rest. */
  startThreads(options: ThreadSourceOptions): ThreadSource;
  createPool(...parts: ConstructorParameters<typeof WorkerPool>): WorkerPool;
  /** Ends the process, whatever its threads do. @param endThreads ends all worker threads; @param patienceMs as in `exit.ts` */
  exit(code: number, endThreads: () => Promise<void>, patienceMs?: number): void;
  /** Seats of threads that can't be ended while their handler runs (default 0: every thread can be). */
  readonly spareSeats?: number;
}

/** What comes to main from outside the protocol. */
export interface MainControls {
  onSignal(code: number): void;
  /** The host's process is gone, whatever became of its pipes. */
  onHostGone(): void;
  /** To be called about once a second. */
  onTick(): void;
  /** The figures of this process. */
  stats(): Stats;
}

/**
 * The composition root of main: wires read loop, demux, pool and outlet together and runs until the process ends.
 *
 *     source → framer → demux ─┬─ streams ──┐
 *                              ├─ requests ─┼─ scheduler → pool → workers ⇒ rings ─┐
 *                              ├─ key-values, services                            │
 *                              └─ lifecycle                       outlet ◄─────────┘→ sink
 */
export function runMain(options: ServeOptions, environment: MainEnvironment): MainControls {
  const { clock, log } = environment;
  const wireLimits = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: options.maxMessageBytes };
  const seats = options.workers + (environment.spareSeats ?? 0);
  const region = Region.allocate(seats, seats * options.streamsPerWorker);
  const threads = environment.startThreads(
    threadOptions(options.workers, options.workerHeapMb, {
      region: region.handle,
      file: options.file,
      wireDescriptor: options.output,
      receiveWindow: options.receiveWindow,
      maxMessageBytes: options.maxMessageBytes,
      maxErrorMessageBytes: options.maxErrorMessageBytes,
      ...(options.inspectPort === undefined ? {} : { inspectPort: options.inspectPort }),
    }),
  );
  const lock = new WatchedLock(region, clock);
  let firstManifest: Manifest | undefined;

  let isExiting = false;
  const exit = (code: number, patienceMs?: number): void => {
    if (!isExiting) watch.end();
    isExiting = true;
    environment.exit(code, () => pool.destroy(), patienceMs);
  };
  let isUnreadable = false;
  const hostUnreadable = (error: Error): void => {
    // The write and its stream both tell.
    if (isUnreadable) return;
    isUnreadable = true;
    log(`the host can't be written to any more (${error.message}): ending`);
    exit(EXIT.hostGone);
  };
  const sink = environment.openSink(hostUnreadable);
  const outlet = new Outlet(lock, sink, {
    onRoom: (slot) => pool.tellRoom(slot),
    onGone: hostUnreadable,
    onWritten: () => place(),
    // A host that only writes gets no further than this; whatever it has sent is still worked on.
    onOwed: (answers) => reading.allow(answers < options.maxOwedAnswers),
  });
  const answer = (requestId: string, ok: boolean, payload: Uint8Array): void => {
    outlet.send(encodeEnvelope(ok ? 'response' : 'error', requestId, payload), true);
  };
  const refuse = (requestId: string, code: ErrorCode, message: string): void => {
    const cut = cutUtf8(message, options.maxErrorMessageBytes);
    answer(requestId, false, encodeIpcError({ code, message: cut }));
  };

  const pool = environment.createPool(
    threads,
    options.file,
    { region, lock, outlet, clock },
    {
      onLoaded: (worker, manifest) => {
        watch.onReady(worker);
        if (firstManifest === undefined) {
          firstManifest = manifest;
          streams.onManifest(manifest);
          requests.onManifest(manifest);
          lifecycle.onManifest(manifest);
        }
        place();
        keyValues.flush(worker);
      },
      onLoadFailed: (_worker, message) => {
        if (firstManifest === undefined) {
          // The other workers find the same a moment later.
          if (!isExiting) log(message);
          return exit(EXIT.badModule);
        }
        log(`a new worker could not load the module: ${message}`);
        place();
      },
      onMessage: (worker, message) => onWorkerMessage(worker, message),
      onFenced: (worker, how) => {
        streams.onFenced(worker, how);
        requests.onFenced(worker, how);
      },
      onSeated: (worker) => keyValues.add(worker),
      onExited: (worker, how) => {
        watch.onExited(worker, how);
        keyValues.forget(worker);
        services.forget(worker);
        copies.onClosed(worker);
        streams.onWorkerExit(worker, how);
        requests.onWorkerExit(worker, how);
        afterWork();
      },
      onWireUnknown: () => {
        log('a worker died while it wrote: the state of the wire is unknown, stopping at once');
        exit(EXIT.wireUnknown);
      },
    },
  );

  const scheduler = new Scheduler(
    pool.workers,
    options.streamsPerWorker,
    region,
    () => outlet.queuedBytes > 2 * options.maxMessageBytes,
    (worker) => pool.end(worker, 'it could not load the module'),
  );
  /** Starts whoever can start. What the host's bytes start goes to its worker when all of them have been looked at. */
  const place = (): void => {
    scheduler.place();
    pool.flush();
  };
  const copies = new ModuleCopies();
  const keyValues = new KeyValues(options, (worker) => copies.begin(worker));
  const services = new ServiceRoutes(options, (message) => {
    if (reading.isListening) outlet.send(message, false);
  });
  const prepare = (worker: PoolWorker): void => {
    copies.begin(worker);
    keyValues.flushBefore(worker);
  };
  const endWorker = (worker: PoolWorker): void =>
    pool.end(worker, 'another handler on its worker did not stop in time');
  const streams = new Streams({
    options,
    clock,
    scheduler,
    sendTerminal: (message) => outlet.sendBehindRings(message),
    endWorker,
    dispatch: (assignment, entry) => {
      prepare(assignment.worker);
      const queuedMs = entry.times.started - entry.times.opened;
      pool.dispatch(assignment.worker, entry.startOf(assignment, clock.now() - queuedMs, queuedMs));
    },
  });
  const requests = new Requests({
    options,
    clock,
    scheduler,
    answer,
    endWorker,
    dispatch: ({ worker, number, job }: Assignment, { context, body }) => {
      prepare(worker);
      pool.dispatch(worker, { kind: 'handle', number, job, context, body });
    },
  });

  const onWorkerMessage = (worker: PoolWorker, message: WorkMessage): void => {
    switch (message.type) {
      case 'settled':
        streams.onSettled(message.number);
        requests.onSettled(message.number);
        return afterWork();
      case 'answer':
        return requests.onAnswer(message.number, message.ok, message.payload);
      case 'service':
        return services.onRequest(worker, message);
      case 'serviceAbandoned':
        return services.onAbandoned(worker, message.sequence);
      case 'serviceDone':
        return services.onTaken(worker, message.bytes);
      case 'kvDone':
        return keyValues.onDone(worker, message.bytes);
      case 'closed':
        return copies.onClosed(worker);
    }
  };
  let onIdle = (): void => {};
  const isIdle = (): boolean => streams.isIdle && requests.isIdle;
  const afterWork = (): void => {
    place();
    pool.retireIdle();
    if (isIdle()) onIdle();
  };

  const lifecycle = new Lifecycle({
    options,
    clock,
    answer,
    log,
    exit,
    configure: (config) => copies.configure(config),
    drain: () => {
      streams.drain();
      requests.drain();
    },
    cancelAll: (reason) => {
      streams.cancelAll(reason);
      requests.cancelAll(reason);
      if (isIdle()) onIdle();
    },
    workDone: () => (isIdle() ? Promise.resolve() : new Promise((resolve) => (onIdle = resolve))),
    closeModules: () => copies.close(pool.workers),
    stopListening: () => reading.stopListening(),
    flushed: () => outlet.idle(),
    taken: () => outlet.taken,
    figures: () => figures(),
  });
  const figures = () => ({
    openStreams: streams.openCount,
    queuedOpens: streams.queuedCount,
    busyWorkers: scheduler.busy,
    framesIn: demux.messages,
    bytesIn: reading.bytesIn,
    ...pool.traffic(),
  });
  const watch = new ProcessWatch(clock, region, () => ({
    ...figures(),
    ...streams.watch.figures,
    lateFrames: streams.lateFrames,
    lockStall: lock.waits,
    workers: options.workers,
    workerRestarts: pool.restarts,
  }));

  const demux = new Demux(wireLimits, {
    onFrame: (frame, bytes) => streams.onFrame(frame, bytes),
    onMalformedFrame: (id, why) => streams.onMalformed(id, why),
    onHandle: (requestId, payload) => requests.onHandle(requestId, payload),
    onInitialize: (requestId, payload) => lifecycle.onInitialize(requestId, payload),
    onShutdown: (requestId, payload) => lifecycle.onShutdown(requestId, payload),
    onHealth: (requestId, payload) => lifecycle.onHealth(requestId, payload),
    onKvChange: (payload) => keyValues.onChange(payload),
    onMalformedKvChange: (why) => log(`a key-value change can't be read and is dropped: ${why.message}`),
    onServiceAnswer: (requestId, ok, payload) => services.onAnswer(requestId, ok, payload),
    refuse,
  });

  const reading = new ReadLoop({
    limits: wireLimits,
    openSource: (events) => environment.openSource(events),
    onMessage: (bytes, start, end) => demux.route(bytes, start, end),
    onRead: () => pool.flush(),
    onBroken: ({ message: why }) => {
      log(`the host's bytes can't be understood, ending: ${why}`);
      const message = cutUtf8(why, options.maxErrorMessageBytes);
      const lastWord = encodeEnvelope('error', '', encodeIpcError({ code: 'protocolViolation', message }));
      void outlet.lastWord(lastWord).then(() => exit(EXIT.protocol));
      onceUnread({ clock, taken: () => outlet.taken }, () => exit(EXIT.protocol));
    },
    onEnd: () => lifecycle.onInputEnd(),
    log,
  });
  if (options.statsMs > 0) watch.printEvery(options.statsMs);
  return {
    onSignal: (code) => lifecycle.onSignal(code),
    onHostGone: () => lifecycle.onHostGone(),
    onTick: () => {
      pool.traffic();
      pool.seatWaiting();
      pool.lookAgain();
      const stuck = lock.lookForStuckHolder();
      if (stuck !== undefined) pool.endHolder(stuck);
      watch.tick();
    },
    stats: () => watch.stats(),
  };
}
