import type { LinkEvents, LinkSource, WorkerLink } from '../../src/main/workers/worker-link.ts';
import type { SlotNumber } from '../../src/shared-memory/region.ts';
import type { Manifest } from '../../src/threads/manifest.ts';
import type { FromWorker, RequestTask } from '../../src/threads/messages.ts';
import { readOps } from '../../src/threads/op-batch.ts';
import type { SeenOp } from './fake-workers.ts';

/** Sees what main does with such threads. */
export interface LinkWatcher {
  onStart(link: FakeLink): void;
  onOp(link: FakeLink, op: SeenOp): void;
  onTask(link: FakeLink, task: RequestTask): void;
}

/** Threads that are the test's: they do what it says, and nothing else. */
export class FakeLinks implements LinkSource {
  readonly #watcher: LinkWatcher | undefined;
  /** All that were started, gone ones included. */
  readonly started: FakeLink[] = [];
  /** The next threads can't be started, because of this. */
  fault: string | undefined;

  constructor(watcher?: LinkWatcher) {
    this.#watcher = watcher;
  }

  start(slot: SlotNumber, events: LinkEvents): WorkerLink {
    if (this.fault !== undefined) throw new Error(this.fault);
    const link = new FakeLink(slot, events, this.#watcher);
    this.started.push(link);
    this.#watcher?.onStart(link);
    return link;
  }

  /** The thread that was started last. */
  get newest(): FakeLink {
    const link = this.started.at(-1);
    if (link === undefined) throw new Error('no thread was started');
    return link;
  }
}

/** One such thread, and main's end of it. */
export class FakeLink implements WorkerLink {
  readonly slot: SlotNumber;
  readonly #events: LinkEvents;
  readonly #watcher: LinkWatcher | undefined;
  /** Kinds of the operations and tasks that main has posted. */
  readonly posted: (number | 'handle')[] = [];
  isTerminated = false;
  hasLoaded = false;
  hasExited = false;
  /** What main sees of its event loop: 0 it waits, 1 it computes. */
  activity = 0;

  constructor(slot: SlotNumber, events: LinkEvents, watcher?: LinkWatcher) {
    this.slot = slot;
    this.#events = events;
    this.#watcher = watcher;
  }

  postBatch(batch: ArrayBuffer): void {
    readOps(batch, (kind, job, payload) => {
      this.posted.push(kind);
      this.#watcher?.onOp(this, { kind, job, payload: payload.slice() });
    });
  }

  postTask(task: RequestTask): void {
    this.posted.push(task.kind);
    this.#watcher?.onTask(this, task);
  }

  receive(): undefined {
    return undefined;
  }

  loopActivity(): number {
    return this.activity;
  }

  terminate(): void {
    this.isTerminated = true;
  }

  close(): void {}

  /** Boots and loads the module. */
  load(manifest: Manifest): void {
    this.hasLoaded = true;
    this.#events.onBooted();
    this.say({ type: 'loaded', manifest });
  }

  /** Boots, and can't load the module. */
  failLoad(message: string): void {
    this.#events.onBooted();
    this.say({ type: 'loadFailed', message });
  }

  say(message: FromWorker): void {
    this.#events.onMessage(message);
  }

  /** @param error what it failed with before */
  exit(code: number, error?: string): void {
    if (this.hasExited) return;
    this.hasExited = true;
    if (error !== undefined) this.#events.onError(new Error(error));
    this.#events.onExit(code);
  }
}
