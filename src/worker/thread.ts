import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';
import { JobControl } from '../shared-memory/job-control.ts';
import { RingProducer } from '../shared-memory/outbound-ring.ts';
import type { ControlBlock, Region } from '../shared-memory/region.ts';
import { SlotFigures } from '../shared-memory/slot-figures.ts';
import { DroppedLogs, WorkerBell, WorkerWake } from '../shared-memory/slot-signals.ts';
import { WorkerWriteLock, type WriteAttempt } from '../shared-memory/write-lock.ts';
import { withoutRest } from '../base/buffers.ts';
import { logLine } from '../base/stderr.ts';
import { OP, type FromWorker, type ThreadStart, type WorkerSettings } from '../threads/messages.ts';
import { decodeIpcError, decodeServiceResponse } from '../wire/payload-decode.ts';
import { ModuleError } from '../errors.ts';
import { attemptWrite } from './wire-descriptor.ts';
import { textOf } from '../base/thrown.ts';
import { watchFailures } from './failures.ts';
import { Inbox, type ArrivedTask } from './inbox.ts';
import type { LoadedModule } from './module-loader.ts';
import { SlowTurnWarning } from './neighbours.ts';
import { ModuleEvents } from './module-events.ts';
import { FailureLog } from './jobs/failure-log.ts';
import { jobFor } from './jobs/intercepted-jobs.ts';
import { OpenReader } from './jobs/opened-stream.ts';
import { ServiceCalls } from './jobs/services.ts';
import { WireOutput } from './wire-output.ts';
import { isLater } from '../threads/job-id.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';
import type { Job, JobHost } from './jobs/job.ts';

/**
 * The platform that a {@link Thread} runs on. A worker has a thread of its own; the test kit has another implementation, which runs
 * on the test's thread.
 */
export interface ThreadEnvironment {
  readonly write: WriteAttempt;
  /** Blocks until main has sent something after `ticket` was drawn. */
  wait(wake: WorkerWake, ticket: number): void;
  watchFailures: typeof watchFailures;
}

/** The environment of a real worker thread, which writes to the wire's descriptor. */
export function workerEnvironment(settings: WorkerSettings): ThreadEnvironment {
  return {
    write: attemptWrite(settings.wireDescriptor),
    wait: (wake, ticket) => wake.wait(ticket),
    watchFailures,
  };
}

export interface ThreadParts {
  readonly settings: WorkerSettings;
  readonly region: Region;
  readonly start: ThreadStart;
  readonly module: LoadedModule;
  readonly say: (message: FromWorker) => void;
  readonly environment: ThreadEnvironment;
}

const decoder = new TextDecoder();

/** A worker thread at work: the jobs that run on it, the operations that main sends for them, and the outputs that they share. */
export class Thread implements JobHost {
  readonly settings: WorkerSettings;
  readonly module: LoadedModule;
  readonly tellMain: (message: FromWorker) => void;
  readonly wire: WireOutput;
  readonly services: ServiceCalls;
  readonly events: ModuleEvents;
  readonly figures: SlotFigures;
  readonly droppedLogs: DroppedLogs;
  readonly failureLog: FailureLog;
  /** Tells the job to which a failure outside its handler's call belongs. */
  readonly scope = new AsyncLocalStorage<Job>();
  /** Code that runs in it belongs to no job. */
  readonly #outside = new AsyncResource('ixt-thread');
  readonly #region: Region;
  readonly #inbox: Inbox;
  readonly #wake: WorkerWake;
  readonly #environment: ThreadEnvironment;
  readonly #jobs = new Map<number, Job>();
  readonly #neighbours = new SlowTurnWarning(this.#jobs);
  /** Operations that came for jobs that have not begun. */
  #early: { kind: number; target: number; payload: Uint8Array }[] = [];
  #lastStarted: number | undefined;
  /** The last job that began while others ran. */
  #lastSharing: number | undefined;
  #turnFlush = false;

  constructor({ settings, region, start, module, say, environment }: ThreadParts) {
    const { slot } = start;
    this.settings = settings;
    this.module = module;
    this.tellMain = say;
    this.#region = region;
    this.#environment = environment;
    this.#wake = new WorkerWake(region, slot);
    this.figures = new SlotFigures(region, slot);
    this.droppedLogs = new DroppedLogs(region);
    this.failureLog = new FailureLog(settings.failureLines, this.droppedLogs);
    const bell = new WorkerBell(region, slot, () => say({ type: 'bell' }));
    const lock = new WorkerWriteLock(region, slot, environment.write, () => bell.ring());
    this.wire = new WireOutput(new RingProducer(region, slot), lock, bell, () => performance.now());
    this.services = new ServiceCalls(
      {
        send: (sequence, service, method, body, context) => {
          // Main encodes the request, because the encoder is not worth its load time in every thread.
          say({ type: 'service', sequence, service, method, body, context });
        },
        abandon: (sequence) => say({ type: 'serviceAbandoned', sequence }),
        block: () => this.blockForInput(() => false),
      },
      settings.maxMessageBytes,
    );
    this.events = new ModuleEvents(module.definition, say);
    this.#inbox = new Inbox(
      start.port,
      new OpenReader({ ...DEFAULT_WIRE_LIMITS, maxMessageBytes: settings.maxMessageBytes }),
      (task) => this.#run(task),
      (kind, job, payload) => this.#onOp(kind, job, payload),
      () => this.events.run(),
    );
    environment.watchFailures(this.scope, this.#jobs, say);
  }

  control(job: ControlBlock): JobControl {
    return new JobControl(this.#region, job);
  }

  #run(task: ArrivedTask): void {
    const ready = this.events.settled();
    if (ready === undefined) this.#start(task);
    else void ready.then(() => this.#start(task));
  }

  #start(task: ArrivedTask): void {
    const job = jobFor(this, task);
    this.#jobs.set(job.jobId, job);
    this.#lastStarted = job.jobId;
    if (this.#jobs.size > 1) this.#lastSharing = job.jobId;
    const early = this.#early;
    this.#early = [];
    for (const { kind, target, payload } of early) this.#onOp(kind, target, payload);
    this.#neighbours.touch(job);
    try {
      this.scope.run(job, () => job.run());
    } catch (error) {
      this.jobThrew(job, error);
    }
  }

  /**
   * The job's own code threw, which is a bug of ours and must not cost the worker. Settle the job anyway: main then answers
   * `internal` for it, and the worker lives on.
   */
  jobThrew(job: Job, error: unknown): void {
    logLine(`a job ended without its answer: ${textOf(error)}`);
    this.jobEnded(job);
  }

  /** The job's handler has ended, and so has its stream. */
  jobEnded(job: Job): void {
    this.#jobs.delete(job.jobId);
    this.services.abandon(job.jobId, () => new ModuleError('unavailable', 'the stream has ended'));
    // Key-value changes may have waited until a blocking handler was done. They run outside, because they are no part of that job.
    if (this.events.isWaiting) this.#outside.runInAsyncScope(() => this.events.run());
    if (this.#jobs.size === 0) this.wire.flush();
    else this.flushThisTurn();
    this.tellMain({ type: 'settled', jobId: job.jobId });
  }

  /**
   * Blocks until main has sent something.
   *
   * @param mustLook is called after the ticket was read; `true` means don't wait. Anything that arrives after that changes the word
   *   that the ticket was read from
   */
  blockForInput(mustLook: () => boolean): void {
    const ticket = this.#wake.ticket();
    if (mustLook() || this.#inbox.pump()) return;
    this.wire.flush();
    this.#neighbours.blocks(this.scope.getStore());
    this.#environment.wait(this.#wake, ticket);
  }

  /** Whether another job ran at any time since job `jobId` began. */
  hasShared(jobId: number): boolean {
    return this.#lastSharing !== undefined && !isLater(jobId, this.#lastSharing);
  }

  /** Handles the messages that have arrived, for example to learn a cause's reason. */
  pump(): void {
    this.#inbox.pump();
  }

  /** Writes the frames that handlers send in this turn of the event loop at its end, in one write. */
  flushThisTurn(): void {
    if (this.#turnFlush) return;
    this.#turnFlush = true;
    setImmediate(() => {
      this.#turnFlush = false;
      this.wire.flush();
    });
  }

  /** The job of that number. Its handler is resumed in this turn, so the watch on slow turns is told. */
  #resumed(jobId: number): Job | undefined {
    const job = this.#jobs.get(jobId);
    if (job !== undefined) this.#neighbours.touch(job);
    return job;
  }

  #hasStarted(jobId: number): boolean {
    return this.#lastStarted !== undefined && !isLater(jobId, this.#lastStarted);
  }

  #onOp(kind: number, target: number, payload: Uint8Array): void {
    if (kind <= OP.stop && !this.#hasStarted(target)) {
      this.#early.push({ kind, target, payload });
      return;
    }
    switch (kind) {
      case OP.data:
        return this.#resumed(target)?.deliver(payload);
      case OP.end:
        return this.#jobs.get(target)?.deliverEnd();
      case OP.credit:
        return this.#resumed(target)?.credited();
      case OP.stop:
        return this.#jobs.get(target)?.stop(decoder.decode(payload));
      case OP.room:
        for (const job of this.#jobs.values()) job.retry();
        return;
      case OP.serviceAnswer:
        this.tellMain({ type: 'serviceDone', bytes: payload.length });
        return this.services.settle(target, { body: withoutRest(decodeServiceResponse(payload).body) });
      case OP.serviceError: {
        this.tellMain({ type: 'serviceDone', bytes: payload.length });
        const { code, message, details } = decodeIpcError(payload);
        return this.services.settle(target, { error: new ModuleError(code, message, { details }) });
      }
      case OP.kv:
      case OP.init:
      case OP.close:
        return this.events.add(kind, payload);
    }
  }
}
