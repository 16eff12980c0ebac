import type { ErrorReport } from '../../../src/errors.ts';
import { Demux } from '../../../src/main/input/demux.ts';
import { DEFAULT_OPTIONS } from '../../../src/main/options.ts';
import type { PoolWorker } from '../../../src/main/workers/pool-worker.ts';
import { Scheduler } from '../../../src/main/calls/scheduler.ts';
import type { StreamEntry } from '../../../src/main/streams/stream-entry.ts';
import { Streams } from '../../../src/main/streams/streams.ts';
import type { HandlerMode } from '../../../src/module.ts';
import { OP } from '../../../src/threads/messages.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder } from '../../../src/wire/frame.ts';
import type { FakeSlots } from '../../support/fake-workers.ts';
import { TestClock } from '../../../src/testing/test-clock.ts';
import { OpenReader } from '../../../src/worker/jobs/opened-stream.ts';
import { commitEnd, nameOfOp, type FakeJob } from '../../support/fake-workers.ts';
import {
  hostMessage,
  IDS,
  isHostEvent,
  WORLD,
  type HostEventName,
  type ModuleEventName,
} from './stream-events.ts';
import type { Manifest } from '../../../src/threads/manifest.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

export interface WorldShape {
  readonly workers: number;
  readonly streamsPerWorker: number;
  readonly maxQueue: number;
  /** Whether the workers have loaded their module when the first event comes. */
  readonly isReady: boolean;
  /** The number of the last job that others had before. */
  readonly lastNumber?: number;
}

/** What an event names beyond itself: which job, worker or timer of those that there are. */
export interface Target {
  readonly stream: number;
  /** The job's number. */
  readonly job?: number;
  /** Which of the timers that run. */
  readonly timer?: number;
}

const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
const opens = new OpenReader(DEFAULT_WIRE_LIMITS);

/**
 * Main's real router, scheduler and state around workers and a clock that are the test's.
 *
 * The whole `Main` is not built here, unlike in `MainHarness`, because the model runs some 40,000 worlds: a `Main` allocates shared
 * memory of its own and took 25 times as long to build as this (1.6 ms against 65 µs of CPU). The model also compares the state of
 * each entry and each timer after each event, and `Main` rightly shows none of them.
 */
export class StreamWorld {
  readonly #demux: Demux;
  readonly streams: Streams;
  readonly scheduler: Scheduler<StreamEntry>;
  readonly clock = new TestClock(WORLD.now);
  readonly #workers = new Set<PoolWorker>();
  readonly #slots: FakeSlots;
  readonly #manifest: Manifest;
  readonly #jobs = new Map<number, FakeJob>();
  /** The routing entries of running jobs, by number. */
  readonly entries = new Map<number, StreamEntry>();
  /** Stream frames on the wire and operations on workers since the last look. */
  readonly frames: string[] = [];
  readonly ops: string[] = [];
  #isFirst = true;

  constructor({ workers, streamsPerWorker, maxQueue, isReady, lastNumber }: WorldShape, slots: FakeSlots) {
    const mode: HandlerMode = streamsPerWorker === 1 ? 'sync' : 'async';
    this.#slots = slots;
    this.#manifest = {
      name: 'model',
      version: '1.0.0',
      streams: { methods: [{ name: 'known', mode }] },
      handle: undefined,
      kvChange: false,
    };
    this.scheduler = new Scheduler(this.#workers, streamsPerWorker, slots.region, () => false, lastNumber);
    this.streams = new Streams({
      options: {
        ...DEFAULT_OPTIONS,
        file: '',
        workers,
        streamsPerWorker,
        maxQueue,
        receiveWindow: WORLD.receiveWindow,
        cancelGraceMs: WORLD.graceMs,
        maxContextBytes: WORLD.maxContextBytes,
      },
      clock: this.clock,
      scheduler: this.scheduler,
      outlet: {
        sendBehindRings: (message) => this.frames.push(`main ${describe(message)}`),
        sendLate: () => {},
      },
      startStream: (assignment, entry) => {
        // What an earlier job of this turn got is told before.
        this.#flush();
        assignment.worker.postOpen(entry.startOf(assignment, 0, 0));
        this.#jobs.set(assignment.jobId, slots.job(assignment, entry.id));
        this.entries.set(assignment.jobId, entry);
      },
      endWorker: (worker) => this.#endWorker(worker),
      unavailable: () => undefined,
    });
    const unexpected = (): never => {
      throw new Error('only stream frames are sent here');
    };
    this.#demux = new Demux(DEFAULT_WIRE_LIMITS, {
      streams: this.streams,
      requests: { onHandle: unexpected },
      lifecycle: { onInitialize: unexpected, onShutdown: unexpected, onHealth: unexpected },
      keyValues: { onChange: unexpected, onMalformed: unexpected },
      services: { onAnswer: unexpected },
      answers: { refuse: unexpected },
    });
    for (let slot = 0; slot < workers; slot++) this.#start(slot);
    if (isReady) for (let slot = 0; slot < workers; slot++) this.act('ready', { stream: 0 });
  }

  /** Does what the event says, all the way through main. */
  act(name: HostEventName | ModuleEventName, target: Target): void {
    if (isHostEvent(name)) {
      const message = hostMessage(name, target.stream);
      this.#demux.route(message, 0, message.length);
    } else {
      this.#actInModule(name, target);
    }
    this.#flush();
    const written = this.#slots.takeWritten();
    if (written !== undefined) this.frames.push(`worker ${describe(written)}`);
  }

  #flush(): void {
    for (const worker of this.#workers) if (worker.hasPosts) worker.flush();
  }

  #actInModule(name: ModuleEventName, { job: number = -1, timer = -1 }: Target): void {
    switch (name) {
      case 'ready':
        return this.#load();
      case 'returns':
        return this.#end(number, undefined);
      case 'throws':
        return this.#end(number, { code: 'handlerFailed', message: 'boom' });
      case 'sends': {
        const { control, output } = this.#job(number);
        // What the handle looks at first.
        if (!control.isDecided) output.trySend(new Uint8Array(WORLD.dataBytes), WORLD.dataBytes);
        return;
      }
      case 'takes':
        return this.#job(number).output.grant(WORLD.dataCost);
      case 'settles':
        this.#jobs.delete(number);
        this.streams.onSettled(number);
        this.entries.delete(number);
        return this.#startPlaced();
      case 'exits':
        return this.#exit(this.#workerOf(number), true);
      case 'vanishes':
        return this.#exit(this.#workerOf(number), false);
      case 'revoked':
        return this.#revoke(this.#workerOf(number));
      case 'leaves': {
        const ended = [...this.#workers].find(({ phase, running }) => phase === 'revoked' && running === 0);
        if (ended === undefined) throw new Error('no ended worker is idle');
        return this.#exit(ended, true);
      }
      case 'grace':
      case 'deadline':
        // The day is as late as the deadline says for this one, and for nobody else.
        this.clock.setDay(WORLD.deadlineMs);
        this.clock.fire(timer);
        return this.clock.setDay(-WORLD.deadlineMs);
      case 'connectionEnds':
        this.streams.drain();
        return this.streams.cancelAll('the connection ends');
    }
  }

  #start(slot: number): void {
    const worker = this.#slots.start(slot, (op) => {
      this.ops.push(
        op.kind === OP.open
          ? `task ${op.job} ${IDS.indexOf(opens.read(op.job, op.payload).id)}`
          : nameOfOp(op),
      );
      // The worker hears of its credit.
      if (op.kind === OP.credit) this.#jobs.get(op.job)?.control.hearCredit();
    });
    this.#workers.add(worker);
  }

  #load(): void {
    const worker = [...this.#workers].find(({ phase }) => phase === 'loading');
    if (worker === undefined) throw new Error('no worker loads');
    worker.phase = 'ready';
    if (this.#isFirst) {
      this.#isFirst = false;
      this.streams.onManifest(this.#manifest);
    }
    this.#startPlaced();
  }

  #end(number: number, own: ErrorReport | undefined): void {
    commitEnd(this.#job(number), own);
  }

  /** As main does at the end of each event. */
  #startPlaced(): void {
    for (let placed = this.scheduler.next(); placed !== undefined; placed = this.scheduler.next())
      this.streams.start(placed.call, placed.assignment);
  }

  #endWorker(worker: PoolWorker): void {
    if (worker.phase === 'revoked' || worker.phase === 'gone') return;
    worker.phase = 'revoked';
    this.ops.push('the worker is to be ended');
  }

  #revoke(worker: PoolWorker): void {
    worker.phase = 'revoked';
    if (worker.revokedAt !== undefined) return;
    worker.revokedAt = worker.committedTail;
    this.streams.onRevoked(worker, 'the worker ended');
  }

  #exit(worker: PoolWorker, isRevoked: boolean): void {
    if (isRevoked) this.#revoke(worker);
    worker.phase = 'gone';
    this.#workers.delete(worker);
    for (const [number, { running }] of this.entries) {
      if (running?.assignment.worker !== worker) continue;
      this.entries.delete(number);
      this.#jobs.delete(number);
    }
    this.streams.onWorkerExit(worker, 'the worker ended');
    this.#start(worker.slotNumber);
    this.#startPlaced();
  }

  #job(number: number): FakeJob {
    const job = this.#jobs.get(number);
    if (job === undefined) throw new Error(`no job ${number} runs`);
    return job;
  }

  #workerOf(number: number): PoolWorker {
    const worker = this.entries.get(number)?.running?.assignment.worker;
    if (worker === undefined) throw new Error(`no worker has job ${number}`);
    return worker;
  }
}

/** `0 close`, `1 error cancelled`, `2 data`. @throws where it is not exactly one frame for one of the ids */
function describe(message: Uint8Array): string {
  envelope.decode(message, 0, message.length);
  frame.decode(message, envelope.payloadStart, envelope.payloadEnd);
  const id = IDS.indexOf(envelope.requestId() as (typeof IDS)[number]);
  if (id < 0 || !frame.idMatches(message, envelope.requestIdStart)) throw new Error('a frame for a stranger');
  switch (frame.arm) {
    case FRAME_ARM.data:
      return `${id} data`;
    case FRAME_ARM.credit:
      return `${id} credit ${frame.credit}`;
    case FRAME_ARM.close:
      return `${id} close`;
    case FRAME_ARM.error:
      return `${id} error ${frame.error().code}`;
    default:
      throw new Error(`the module sent arm ${frame.arm}`);
  }
}
