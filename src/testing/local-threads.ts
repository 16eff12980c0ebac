import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { LinkEvents, LinkSource, WorkerLink } from '../main/workers/worker-link.ts';
import type { ModuleDefinition } from '../module.ts';
import { Region, type SlotNumber } from '../shared-memory/region.ts';
import type { WriteAttempt } from '../shared-memory/write-lock.ts';
import { streamRun } from '../threads/manifest.ts';
import { OP, type FromWorker, type RequestTask, type WorkerSettings } from '../threads/messages.ts';
import { OpBatch, readOps } from '../threads/op-batch.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';
import { OpenReader } from '../worker/jobs/opened-stream.ts';
import { checkModule, type LoadedModule } from '../worker/module-loader.ts';
import { threadHeld, threadReleased } from './held-thread.ts';
import { turn } from './real-time.ts';
import { Thread, type ThreadEnvironment } from '../worker/thread.ts';

/** Says that a handler on the test's own thread waited for something that only the test could do. */
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
 * A handler that doesn't end when it is told to keeps its thread's slot, because the test's own thread can't be ended. So many may
 * be left behind before new streams wait.
 */
export const SPARE_SLOTS = 8;

export interface LocalLinksParts {
  readonly definition: ModuleDefinition;
  readonly settings: WorkerSettings;
  readonly write: WriteAttempt;
  onWouldBlock(this: void, error: WouldBlockError): void;
}

/**
 * Starts "threads" that are all the test's own. Pool, ring, lock, credit and jobs are the real ones. Two things differ: nothing may
 * block, and a thread that is to be ended is gone only when its handlers have ended.
 */
export class LocalLinks implements LinkSource {
  readonly #parts: LocalLinksParts;
  readonly #links = new Set<LocalLink>();

  constructor(parts: LocalLinksParts) {
    this.#parts = parts;
  }

  start(slot: SlotNumber, events: LinkEvents): WorkerLink {
    const link = new LocalLink(slot, this.#parts, {
      onBooted: () => events.onBooted(),
      onMessage: (message) => events.onMessage(message),
      onError: (error) => events.onError(error),
      onExit: (code) => {
        this.#links.delete(link);
        events.onExit(code);
      },
    });
    this.#links.add(link);
    return link;
  }

  /** Lets all threads be gone, whatever their handlers do, because the module has ended. */
  exitAll(): void {
    for (const link of this.#links) link.exit();
  }
}

/**
 * Main's end of one such thread. While a synchronous handler runs, the test doesn't, and so it can't send. So the handler of such
 * a stream starts only when the host has sent all, or when the stream is stopped: until then this link keeps the operation that
 * begins the stream.
 */
class LocalLink implements WorkerLink {
  readonly #events: LinkEvents;
  readonly #port: MessagePort;
  readonly #threadPort: MessagePort;
  readonly #opens: OpenReader;
  #module: LoadedModule | undefined;
  /** Payloads of synchronous streams' `OP.open` that wait for the end of the input, by job. */
  readonly #deferred = new Map<number, Uint8Array>();
  #running = 0;
  #isDoomed = false;
  #hasExited = false;

  constructor(slot: SlotNumber, parts: LocalLinksParts, events: LinkEvents) {
    const { port1, port2 } = new MessageChannel();
    this.#events = events;
    this.#port = port1;
    this.#threadPort = port2;
    this.#opens = new OpenReader({
      ...DEFAULT_WIRE_LIMITS,
      maxMessageBytes: parts.settings.maxMessageBytes,
    });
    port1.on('message', (message: FromWorker) => events.onMessage(message));
    // A listener holds the process, and a module that nobody waits for must not.
    port1.unref();
    // The pool hears nothing before it has the link.
    queueMicrotask(() => this.#load(slot, parts));
  }

  postBatch(batch: ArrayBuffer): void {
    const now = new OpBatch();
    const started: OpBatch[] = [];
    readOps(batch, (kind, job, payload) => {
      if (kind === OP.open) {
        this.#running++;
        if (this.#isSync(job, payload)) return void this.#deferred.set(job, payload);
      }
      now.add(kind, job, payload, 0, payload.length);
      const open = kind === OP.end || kind === OP.stop ? this.#deferred.get(job) : undefined;
      if (open === undefined) return;
      this.#deferred.delete(job);
      // Each alone, so that one synchronous handler runs at a time.
      const alone = new OpBatch();
      alone.add(OP.open, job, open, 0, open.length);
      started.push(alone);
    });
    for (const ops of [now, ...started]) {
      if (ops.isEmpty) continue;
      const bytes = ops.take();
      this.#port.postMessage(bytes, [bytes]);
      void untilTaken();
    }
  }

  postTask(task: RequestTask): void {
    this.#running++;
    this.#port.postMessage(task);
    void untilTaken();
  }

  receive(): FromWorker | undefined {
    return receiveMessageOnPort(this.#port)?.message as FromWorker | undefined;
  }

  loopActivity(): number {
    return 1;
  }

  terminate(): void {
    if (this.#isDoomed) return;
    this.#isDoomed = true;
    queueMicrotask(() => {
      // What has not started never will.
      this.#running -= this.#deferred.size;
      this.#deferred.clear();
      if (this.#running === 0) this.exit();
    });
  }

  close(): void {
    this.#port.close();
  }

  exit(): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#events.onExit(1);
    this.#port.close();
  }

  /** Loads the module and begins to listen, as a real thread does when it begins. */
  #load(slot: SlotNumber, { definition, settings, ...parts }: LocalLinksParts): void {
    if (this.#isDoomed) return;
    this.#events.onBooted();
    const port = this.#threadPort;
    const say = (message: FromWorker): void => {
      // At once, because a synchronous handler has ended its stream before a message could be taken.
      if (message.type === 'progress') return this.#events.onMessage(message);
      port.postMessage(message);
      void untilTaken();
      if (message.type === 'settled') this.#settled();
    };
    try {
      const module = (this.#module = checkModule(definition, 'given to testModule'));
      const region = new Region(settings.region);
      // A handler runs inside the thread's own listener, where it is synchronous to its end.
      port.on('message', (message: ArrayBuffer | RequestTask) => {
        const method = this.#syncMethodIn(message);
        if (method !== undefined) threadHeld(method);
      });
      new Thread({ settings, region, start: { slot, port }, module, say, environment: environmentOf(parts) });
      port.on('message', () => threadReleased());
      port.unref();
      say({ type: 'loaded', manifest: module.manifest });
    } catch (error) {
      say({ type: 'loadFailed', message: (error as Error).message });
    }
  }

  #isSync(job: number, open: Uint8Array): boolean {
    if (this.#module === undefined) return false;
    return streamRun(this.#module.manifest, this.#opens.read(job, open).context.method)?.mode === 'sync';
  }

  /** The method whose handler runs to its end as this message is taken; `undefined`: there is none. */
  #syncMethodIn(message: ArrayBuffer | RequestTask): string | undefined {
    if (!(message instanceof ArrayBuffer)) {
      return this.#module?.manifest.handle === 'sync' ? message.context.method : undefined;
    }
    let method: string | undefined;
    readOps(message, (kind, job, payload) => {
      if (kind === OP.open && this.#isSync(job, payload))
        method = this.#opens.read(job, payload).context.method;
    });
    return method;
  }

  #settled(): void {
    this.#running--;
    if (this.#isDoomed && this.#running === 0) this.exit();
  }
}

/**
 * Keeps the event loop turning until a message that was just posted is taken at the other end of its port: a test may wait for what
 * the handler then does, and the ports don't hold the process. It is taken in the second turn at the latest.
 */
async function untilTaken(): Promise<void> {
  await turn();
  await turn();
}

function environmentOf({
  write,
  onWouldBlock,
}: Pick<LocalLinksParts, 'write' | 'onWouldBlock'>): ThreadEnvironment {
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
