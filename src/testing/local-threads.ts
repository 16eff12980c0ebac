import { EventEmitter } from 'node:events';
import type { MessagePort, Worker } from 'node:worker_threads';
import type { PoolWorker } from '../main/workers/pool-worker.ts';
import type { ThreadSource, ThreadSourceOptions } from '../main/workers/thread-source.ts';
import type { ModuleDefinition } from '../module.ts';
import { Region } from '../shared-memory/region.ts';
import type { WriteAttempt } from '../shared-memory/write-lock.ts';
import {
  OP,
  type FromWorker,
  type RequestTask,
  type Seat,
  type StreamStart,
  type WorkerSettings,
} from '../threads/messages.ts';
import { checkModule } from '../worker/module-loader.ts';
import { Thread, type ThreadEnvironment } from '../worker/thread.ts';
import { readOps } from '../threads/op-batch.ts';

/** A handler on the test's own thread waited for something that only the test could do. */
export class WouldBlockError extends Error {
  override readonly name = 'WouldBlockError';

  constructor() {
    super(
      'A synchronous handler waits for what the test would have to do next: grant credit, or answer a service request. ' +
        'It runs on the test’s own thread, so neither could go on. Give testModule the `file` of the module: its ' +
        'handlers then run on threads of their own.',
    );
  }
}

/**
 * Handlers that did not end when they were told to keep their thread's seat, since the test's own thread can't be ended; so
 * many may be left behind before new streams wait.
 */
export const SPARE_SEATS = 8;

export interface LocalThreadsParts {
  readonly definition: ModuleDefinition;
  readonly write: WriteAttempt;
  onWouldBlock(this: void, error: WouldBlockError): void;
}

/**
 * Stands for Piscina: "threads" that are all the test's own. Pool, ring, lock, credit and jobs are the real ones; what differs
 * is that nothing may block, and that a thread which is to be ended is gone only when its handlers have ended.
 *
 * A synchronous handler of a stream starts when the host has sent all, or when the stream is stopped: while it runs, the test
 * doesn't, and so can't send.
 */
export class LocalThreads extends EventEmitter implements ThreadSource {
  readonly #options: ThreadSourceOptions;
  readonly #parts: LocalThreadsParts;
  readonly #local = new Set<LocalThread>();
  #ids = 0;
  #isDestroyed = false;

  constructor(options: ThreadSourceOptions, parts: LocalThreadsParts) {
    super();
    this.#options = options;
    this.#parts = parts;
    // The pool listens when it has been constructed.
    queueMicrotask(() => {
      for (let i = 0; i < (options.minThreads ?? 1); i++) this.#start();
    });
  }

  get threads(): Worker[] {
    // The pool uses its id, its exit and terminate().
    return [...this.#local] as unknown as Worker[];
  }

  run(seat: Seat): Promise<undefined> {
    const candidates = [...this.#local].map(({ threadId }) => ({ id: threadId }));
    const choose = this.#options.loadBalancer as unknown as (
      task: unknown,
      workers: { id: number }[],
    ) => { id: number } | null;
    const id = choose(seat, candidates)?.id;
    const thread = [...this.#local].find(({ threadId }) => threadId === id);
    if (thread === undefined) throw new Error('the pool chose a thread that is gone');
    thread.load(seat, this.#options.workerData as WorkerSettings, this.#parts);
    return new Promise(() => {});
  }

  destroy(): Promise<void> {
    this.#isDestroyed = true;
    for (const thread of this.#local) thread.exit();
    this.#local.clear();
    return Promise.resolve();
  }

  #start(): void {
    if (this.#isDestroyed) return;
    const thread = new LocalThread(++this.#ids, () => this.#start());
    this.#local.add(thread);
    thread.once('exit', () => this.#local.delete(thread));
    this.emit('workerCreate', { id: thread.threadId });
  }
}

export class LocalThread extends EventEmitter {
  readonly threadId: number;
  readonly #onDoomed: () => void;
  /** Synchronous handlers that wait for the end of their input, by job. */
  readonly #deferred = new Map<number, () => void>();
  #port: MessagePort | undefined;
  #isWatched = false;
  #running = 0;
  #isDoomed = false;
  #hasExited = false;

  constructor(id: number, onDoomed: () => void) {
    super();
    this.threadId = id;
    this.#onDoomed = onDoomed;
  }

  /** What a thread does with its seat. */
  load(seat: Seat, settings: WorkerSettings, parts: LocalThreadsParts): void {
    const { port } = seat;
    this.#port = port;
    const say = (message: FromWorker): void => {
      port.postMessage(message);
      if (message.type === 'settled') this.#settled();
    };
    try {
      const module = checkModule(parts.definition, 'given to testModule');
      const region = new Region(settings.region);
      new Thread({ settings, region, seat, module, say, environment: localEnvironment(parts) });
      say({ type: 'loaded', manifest: module.manifest });
    } catch (error) {
      say({ type: 'loadFailed', message: (error as Error).message });
    }
  }

  /** @param dispatch hands the job over; for a synchronous handler that is put off until its input has ended */
  run(
    worker: PoolWorker,
    task: StreamStart | RequestTask,
    dispatch: (task: StreamStart | RequestTask) => void,
  ): void {
    this.#watchPosts(worker.port);
    this.#running++;
    if (task.kind === 'handle' || task.mode === 'async') return dispatch(task);
    // By then the bytes of the Open are others.
    const bytes = task.bytes.slice(task.start, task.end);
    this.#deferred.set(task.number, () => {
      dispatch({ ...task, bytes, start: 0, end: bytes.length });
      worker.flush();
    });
  }

  #settled(): void {
    this.#running--;
    if (this.#isDoomed && this.#running === 0) this.exit();
  }

  /** As often as the pool likes. */
  terminate(): void {
    if (this.#isDoomed) return;
    this.#isDoomed = true;
    queueMicrotask(() => {
      // What has not started never will.
      this.#running -= this.#deferred.size;
      this.#deferred.clear();
      if (this.#running === 0) this.exit();
      this.#onDoomed();
    });
  }

  exit(): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.emit('exit', 1);
    this.#port?.close();
  }

  /** Sees what main posts, on its way. */
  #watchPosts(port: MessagePort): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    const post = port.postMessage.bind(port);
    port.postMessage = (message: unknown, transfer?: unknown) => {
      const started: (() => void)[] = [];
      if (message instanceof ArrayBuffer) {
        readOps(message, (kind, job) => {
          const start = kind === OP.end || kind === OP.stop ? this.#deferred.get(job) : undefined;
          if (start === undefined) return;
          this.#deferred.delete(job);
          started.push(start);
        });
      }
      post(message, transfer as never);
      for (const start of started) start();
    };
  }
}

function localEnvironment({ write, onWouldBlock }: LocalThreadsParts): ThreadEnvironment {
  return {
    write,
    wait: () => {
      const error = new WouldBlockError();
      onWouldBlock(error);
      throw error;
    },
    // What fails outside a handler's call is the test runner's to report.
    watchFailures: () => {},
  };
}
