import { Demux } from '../../src/main/input/demux.ts';
import { DEFAULT_OPTIONS, type ServeOptions } from '../../src/main/options.ts';
import type { PoolWorker } from '../../src/main/workers/pool-worker.ts';
import { Requests } from '../../src/main/calls/requests.ts';
import { Scheduler, type Assignment } from '../../src/main/calls/scheduler.ts';
import { Streams } from '../../src/main/streams/streams.ts';
import { Answers } from '../../src/main/output/answers.ts';
import type { StreamId } from '../../src/wire/stream-id.ts';
import { decodeMessage, type DecodedMessage } from './decoded-message.ts';
import { TestClock } from '../../src/testing/test-clock.ts';
import { FakeSeats, type FakeJob, type SeenOp } from './fake-workers.ts';
import type { Manifest } from '../../src/threads/manifest.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

/** A module with streams of two modes and unary requests. */
export const MANIFEST: Manifest = {
  name: 'bench',
  version: '1.0.0',
  streams: {
    methods: [
      { name: 'echo', mode: 'sync' },
      { name: 'tail', mode: 'async' },
    ],
  },
  handle: 'sync',
  kvChange: false,
};

export const NOW = 1_700_000_000_000;

/** One task as it was given to a worker. */
export interface Dispatched {
  readonly assignment: Assignment;
  /** The stream's or request's own id. */
  readonly id: string;
  readonly job: FakeJob;
}

/** A stream id from a small number. */
export function idOf(number: number): StreamId {
  return number.toString(16).padStart(32, '0') as StreamId;
}

/** Main's router for streams and requests, with workers and a clock that are the test's. */
export class RouterBench {
  readonly options: ServeOptions;
  readonly clock = new TestClock(NOW);
  readonly workers = new Set<PoolWorker>();
  readonly scheduler: Scheduler;
  readonly streams: Streams;
  readonly requests: Requests;
  readonly demux: Demux;
  readonly ops: SeenOp[] = [];
  readonly dispatched: Dispatched[] = [];
  /** Why no worker can be had; `undefined`: calls may wait. */
  unavailable: string | undefined;
  /** Workers that main wants ended. */
  readonly toEnd: PoolWorker[] = [];
  /** Key-value changes, health, initialize, shutdown and service answers, as they were routed. */
  readonly routed: string[] = [];
  readonly #seats: FakeSeats;
  #sent: { message: DecodedMessage; isAnswer: boolean }[] = [];
  /** Unary bodies that arrived, by request. */
  readonly bodies = new Map<string, Uint8Array>();

  /**
   * @param manifest `null`: no worker has loaded the module yet
   * @param lastNumber of jobs that others got before
   */
  constructor(options: Partial<ServeOptions> = {}, manifest: Manifest | null = MANIFEST, lastNumber = 0) {
    this.options = { ...DEFAULT_OPTIONS, file: '', workers: 1, ...options };
    const { workers, streamsPerWorker } = this.options;
    this.#seats = new FakeSeats(workers, streamsPerWorker);
    this.scheduler = new Scheduler(
      this.workers,
      streamsPerWorker,
      this.#seats.region,
      () => false,
      lastNumber,
    );
    const shared = {
      options: this.options,
      clock: this.clock,
      scheduler: this.scheduler,
      endWorker: (worker: PoolWorker) => void this.toEnd.push(worker),
      unavailable: () => this.unavailable,
    };
    const send = (bytes: Uint8Array, isAnswer: boolean): void => {
      this.#sent.push({ message: decodeMessage(bytes), isAnswer });
    };
    const answers = new Answers({ send }, this.options.maxErrorMessageBytes);
    this.streams = new Streams({
      ...shared,
      sendTerminal: (bytes) => send(bytes, true),
      startStream: (assignment, { id }) => {
        this.dispatched.push({ assignment, id, job: this.#seats.job(assignment, id) });
      },
    });
    this.requests = new Requests(
      {
        ...shared,
        startRequest: (assignment, { context, body }) => {
          this.bodies.set(context.invocationId, body);
          this.dispatched.push({
            assignment,
            id: context.invocationId,
            job: this.#seats.job(assignment, idOf(0)),
          });
        },
      },
      answers,
    );
    this.demux = new Demux(DEFAULT_WIRE_LIMITS, {
      streams: this.streams,
      requests: this.requests,
      lifecycle: {
        onInitialize: (requestId) => void this.routed.push(`initialize ${requestId}`),
        onShutdown: (requestId) => void this.routed.push(`shutdown ${requestId}`),
        onHealth: (requestId) => void this.routed.push(`health ${requestId}`),
      },
      keyValues: {
        onChange: (payload) => void this.routed.push(`kv ${payload.length}`),
        onMalformed: () => void this.routed.push('malformed kv'),
      },
      services: { onAnswer: (requestId, ok) => void this.routed.push(`service ${requestId} ${ok}`) },
      answers,
    });
    for (let slot = 0; slot < workers; slot++) this.addWorker(slot, manifest === null ? 'loading' : 'ready');
    if (manifest !== null) this.load(manifest);
  }

  addWorker(slot: number, phase: 'loading' | 'ready'): PoolWorker {
    const worker = this.#seats.seat(slot, (op) => this.ops.push(op));
    worker.phase = phase;
    this.workers.add(worker);
    return worker;
  }

  /** The first manifest is there. */
  load(manifest: Manifest): void {
    for (const worker of this.workers) if (worker.phase === 'loading') worker.phase = 'ready';
    this.streams.onManifest(manifest);
    this.requests.onManifest(manifest);
    this.scheduler.place();
  }

  /** The host writes these messages in one go. */
  host(...messages: Uint8Array[]): void {
    for (const message of messages) this.demux.route(message, 0, message.length);
    this.#flush();
  }

  #flush(): void {
    for (const worker of this.workers) worker.flush();
  }

  /** The handler of a dispatched task has ended. */
  settle({ assignment: { number } }: Dispatched): void {
    this.streams.onSettled(number);
    this.requests.onSettled(number);
    this.scheduler.place();
    this.#flush();
  }

  /** What the pool does when a thread dies: fenced, gone, and a new thread in its seat. */
  crash(worker: PoolWorker, how: string): void {
    this.fence(worker, how);
    worker.phase = 'gone';
    this.workers.delete(worker);
    this.streams.onWorkerExit(worker, how);
    this.requests.onWorkerExit(worker, how);
    this.addWorker(worker.seatNumber, 'ready');
    this.scheduler.place();
  }

  fence(worker: PoolWorker, how: string): void {
    worker.phase = 'fenced';
    worker.fence = worker.committedTail;
    this.streams.onFenced(worker, how);
    this.requests.onFenced(worker, how);
  }

  /** What main has sent since the last call. Everything but `data`, `credit` and service requests counts as an answer. */
  take(): DecodedMessage[] {
    const sent = this.#sent;
    this.#sent = [];
    for (const { message, isAnswer } of sent) {
      if (!isAnswer) throw new Error(`a ${message.type} of main was not counted as an answer`);
    }
    return sent.map(({ message }) => message);
  }

  /** The same, each as `id code`, or `id` and the arm or type. */
  takeBrief(): string[] {
    return this.take().map(({ type, requestId, frame }) => {
      const id = /^0*([0-9a-f]+)$/.exec(requestId)?.[1] ?? requestId;
      return frame === undefined
        ? `${id} ${type}`
        : frame.arm === 'error'
          ? `${id} ${frame.code}`
          : `${id} ${frame.arm}`;
    });
  }
}
