import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { MessageChannel, receiveMessageOnPort, type MessagePort, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { programFile, refuseInBundle } from '../../base/package-files.ts';
import type { SlotNumber } from '../../shared-memory/region.ts';
import type { FromWorker, RequestTask, ThreadStart, WorkerSettings } from '../../threads/messages.ts';
import { endThread } from './end-thread.ts';
import type { LinkEvents, LinkSource, WorkerLink } from './worker-link.ts';

export interface ThreadLinksOptions {
  /** Limit of each thread's JavaScript heap, in MiB. */
  readonly workerHeapMb: number;
  readonly settings: WorkerSettings;
  /** Whether this process lives on for as long as a thread does (default: it does). */
  readonly holdsProcess?: boolean;
  /** A line for a person. */
  log(this: void, line: string): void;
}

/**
 * Worker threads, each started and run by a Piscina.
 *
 * There is one Piscina for each thread, because Piscina replaces a dead thread inside its own exit handler. If that fails, the
 * exception ends the process, and after one failed start it never starts another thread. So each Piscina gets one thread and one
 * task, and the pool asks for each replacement here, where a failure can be caught.
 */
export class ThreadLinks implements LinkSource {
  readonly #options: ThreadLinksOptions;
  readonly #live = new Set<ThreadLink>();
  #isEnding = false;
  #onAllEnded = (): void => {};

  constructor(options: ThreadLinksOptions) {
    // Piscina, too, finds its own files by the place of its code.
    refuseInBundle('worker threads can’t be started from code that was put');
    this.#options = options;
  }

  start(slot: SlotNumber, events: LinkEvents): WorkerLink {
    this.#leaveLostFolder();
    const piscina = new Piscina<ThreadStart, undefined>(this.#piscinaOptions());
    const { port1, port2 } = new MessageChannel();
    // Ignored: if a thread fails before its task, the thread's own events tell so.
    piscina.on('error', () => {});
    // Piscina emits this when a thread has booted and loaded our code.
    piscina.on('workerCreate', () => events.onBooted());
    // Piscina starts the thread in this call, and throws if it can't. The promise settles only when the thread dies.
    try {
      piscina.run({ slot, port: port2 }, { transferList: [port2] }).catch(() => {});
    } catch (error) {
      port1.close();
      throw error;
    }
    const [thread] = piscina.threads;
    if (thread === undefined) throw new Error('Piscina has started no thread');
    const link = new ThreadLink(thread, port1, {
      ...events,
      onExit: (code) => {
        this.#live.delete(link);
        if (!this.#isEnding) events.onExit(code);
        else if (this.#live.size === 0) this.#onAllEnded();
      },
    });
    this.#live.add(link);
    // Piscina holds the process by neither the thread nor, once the thread has begun, its own port.
    if (this.#options.holdsProcess === false) port1.unref();
    return link;
  }

  /** Ends every thread, whatever it does, and tells nobody else of it. Resolves when all are gone; a thread inside a native call may delay that. */
  end(): Promise<void> {
    this.#isEnding = true;
    for (const link of this.#live) link.terminate();
    if (this.#live.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onAllEnded = resolve));
  }

  #piscinaOptions(): ConstructorParameters<typeof Piscina>[0] {
    const { workerHeapMb, settings } = this.#options;
    return {
      // It is CommonJS because Piscina tries `require` first: if a thread is ended while it requires an ES module, Node aborts the
      // whole process.
      filename: programFile('workers/stream-worker.ts', 'cjs'),
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      // The only task waits in the queue while the thread boots.
      maxQueue: 1,
      // Off, because Piscina's own wait would block the event loop between tasks, and with it all messages to our port.
      atomics: 'disabled',
      workerData: settings,
      resourceLimits: {
        maxOldGenerationSizeMb: workerHeapMb,
        // V8's default of 48 MB is too small for thousands of streams: objects that wait for their next frame then survive one
        // collection after the other, and the collections take half of the thread's time. The larger size is used only if so much
        // survives.
        maxYoungGenerationSizeMb: workerHeapMb / 4,
      },
      recordTiming: false,
    };
  }

  /**
   * Node starts no thread in a working folder that was removed. Main leaves such a folder, since no relative path works from there
   * any more.
   */
  #leaveLostFolder(): void {
    try {
      // This asks the system, while Node caches `process.cwd()`.
      realpathSync.native('.');
    } catch {
      const moduleFolder = dirname(this.#options.settings.file);
      const folder = existsSync(moduleFolder) ? moduleFolder : '/';
      process.chdir(folder);
      this.#options.log(
        `the working folder was removed, and no thread can start there: it is ${folder} from now on`,
      );
    }
  }
}

class ThreadLink implements WorkerLink {
  readonly #thread: Worker;
  readonly #port: MessagePort;
  #isEnding = false;
  #lastLook: ReturnType<Worker['performance']['eventLoopUtilization']>;

  constructor(thread: Worker, port: MessagePort, events: LinkEvents) {
    this.#thread = thread;
    this.#port = port;
    this.#lastLook = thread.performance.eventLoopUtilization();
    port.on('message', (message: FromWorker) => events.onMessage(message));
    thread.on('error', (error: Error) => events.onError(error));
    thread.once('exit', (code) => events.onExit(code));
  }

  postBatch(batch: ArrayBuffer): void {
    this.#port.postMessage(batch, [batch]);
  }

  postTask(task: RequestTask): void {
    this.#port.postMessage(task);
  }

  receive(): FromWorker | undefined {
    return receiveMessageOnPort(this.#port)?.message as FromWorker | undefined;
  }

  loopActivity(): number {
    const { eventLoopUtilization } = this.#thread.performance;
    const look = eventLoopUtilization();
    const { idle, active, utilization } = eventLoopUtilization(look, this.#lastLook);
    this.#lastLook = look;
    // Before the loop's first turn Node returns 0 for both.
    return idle + active === 0 ? 1 : utilization;
  }

  terminate(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    endThread(this.#thread);
  }

  close(): void {
    this.#port.close();
  }
}
