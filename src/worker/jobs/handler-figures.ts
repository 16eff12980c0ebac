import { channels, type StalledOn } from '../../diagnostics.ts';
import type { ErrorReport } from '../../errors.ts';
import { orElse } from '../../base/or-else.ts';
import { tell, tellAround } from '../../base/subscribers.ts';
import type { SlotFigures } from '../../shared-memory/slot-figures.ts';
import { redactWhenPrinted } from '../../handle/redacted-context.ts';
import type { StreamTask } from '../../threads/messages.ts';
import type { InvocationContext } from '../../wire/context.ts';

/** Returns the CPU time of this thread, in µs; `null` if this Node can't tell. */
export type ThreadCpuUsage = (() => { readonly user: number; readonly system: number }) | null;

/** Node has it from 23.9 on. */
const { threadCpuUsage = null } = process as { threadCpuUsage?: NonNullable<ThreadCpuUsage> };

/** Used if the system doesn't tell. */
const NO_CPU = { user: 0, system: 0 };

/** One function for all streams. */
const monotonic = (): number => performance.now();

/** The thread, as {@link HandlerFigures} sees it. */
export interface WatchedThread {
  readonly figures: SlotFigures;
  /** Whether another job ran on this thread at any time since job `jobId` began. */
  hasShared(jobId: number): boolean;
}

/**
 * Measures one stream for its worker: its waits and CPU time for `stats`, and events for those who listen. A frame that is sent
 * while the handler neither waits nor begins costs only one look at {@link isExpectant}.
 */
export class HandlerFigures {
  readonly #thread: WatchedThread;
  readonly #task: StreamTask;
  readonly #now: () => number;
  readonly #cpuUsage: ThreadCpuUsage;
  /** Whether {@link sent} must be called for the next frame that leaves, because it is the first one, or ends a wait. */
  isExpectant = true;
  #hasSent = false;
  #stall: { readonly on: StalledOn; readonly since: number } | undefined;
  readonly #cpuAtStart: number;

  /** @param now milliseconds, monotonic */
  constructor(
    thread: WatchedThread,
    task: StreamTask,
    now: () => number = monotonic,
    cpuUsage: ThreadCpuUsage = threadCpuUsage,
  ) {
    this.#thread = thread;
    this.#task = task;
    this.#now = now;
    this.#cpuUsage = cpuUsage;
    this.#cpuAtStart = this.#cpuMs();
  }

  /** Calls the handler, within the stores that are bound to the event. */
  run<Result>(handler: () => Result): Result {
    if (!channels.handlerStart.hasSubscribers) return handler();
    const { openedAt, queuedMs } = this.#task;
    return tellAround(channels.handlerStart, { ...this.#about(), openedAt, queuedMs }, handler);
  }

  /** A Data frame is on its way. It must be called while {@link isExpectant}. */
  sent(): void {
    this.isExpectant = false;
    this.#resume();
    if (this.#hasSent) return;
    this.#hasSent = true;
    if (channels.handlerFirstByte.hasSubscribers) tell(channels.handlerFirstByte, this.#about());
  }

  /** A Data frame can't leave now. It is called at each attempt. */
  stalled(on: StalledOn): void {
    if (this.#stall?.on === on) return;
    this.#resume();
    this.#stall = { on, since: this.#now() };
    this.isExpectant = true;
    if (channels.handlerStall.hasSubscribers) tell(channels.handlerStall, { ...this.#about(), on });
  }

  /** The stream ends by this thread's own terminal frame. @param error `undefined` for a close */
  ended(error: ErrorReport | undefined): void {
    this.#resume();
    const isKnown = this.#cpuUsage !== null && !this.#thread.hasShared(this.#task.jobId);
    const cpuMs = isKnown ? this.#cpuMs() - this.#cpuAtStart : undefined;
    if (cpuMs !== undefined) this.#thread.figures.addCpu(cpuMs);
    if (!channels.handlerEnd.hasSubscribers) return;
    const code = error?.code ?? 'close';
    tell(channels.handlerEnd, { ...this.#about(), code, message: error?.message ?? '', cpuMs });
  }

  #resume(): void {
    if (this.#stall === undefined) return;
    const { on, since } = this.#stall;
    this.#stall = undefined;
    const ms = this.#now() - since;
    this.#thread.figures.addStall(on, ms);
    if (channels.handlerResume.hasSubscribers) tell(channels.handlerResume, { ...this.#about(), on, ms });
  }

  #cpuMs(): number {
    if (this.#cpuUsage === null) return 0;
    const usage = this.#cpuUsage;
    const { user, system } = orElse(NO_CPU, usage);
    return (user + system) / 1000;
  }

  #about(): { readonly id: string; readonly context: InvocationContext } {
    return { id: this.#task.id, context: redactWhenPrinted(this.#task.context) };
  }
}
