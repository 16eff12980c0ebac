import type { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { ErrorCode } from './errors.ts';
import type { Stats } from './base/stats.ts';
import type { InvocationContext } from './wire/context.ts';

export type { Durations } from './base/durations.ts';
export type { LoopDelay, Stats } from './base/stats.ts';

/**
 * A channel of `node:diagnostics_channel`, with the type of what is published on it. Node's own
 * `subscribe(name, listener)` reaches it just as well.
 *
 * Channels belong to a thread. A listener runs at once, on the stack of the code that publishes. So a listener on main delays every
 * stream while it runs, and a listener on a worker delays that worker's streams. An exception of a listener is logged on standard
 * error and ends nothing.
 */
export interface EventChannel<Message> {
  readonly name: string;
  readonly hasSubscribers: boolean;
  subscribe(listener: (message: Message, name: string | symbol) => void): void;
  /** @returns whether the listener was subscribed */
  unsubscribe(listener: (message: Message, name: string | symbol) => void): boolean;
  publish(message: Message): void;
  /**
   * While {@link runStores} calls its function, and in all asynchronous work that the function begins, `store` holds the result of
   * `transform`.
   */
  bindStore<Store>(store: AsyncLocalStorage<Store>, transform: (message: Message) => Store): void;
  /** @returns whether the store was bound */
  unbindStore<Store>(store: AsyncLocalStorage<Store>): boolean;
  runStores<Result>(message: Message, run: () => Result): Result;
}

/** The stream that an event is about. The context prints redacted, as a handler's does. */
export interface StreamEvent {
  /** The stream's id, 32 hex digits. The host may use it again once the stream has ended. */
  readonly id: string;
  /**
   * On main all its fields are empty if nobody listened to `stream.*` when the stream was given to its worker, because main keeps a
   * context for its listeners only.
   */
  readonly context: InvocationContext;
}

/** An Open was accepted; the stream waits for a worker. */
export interface StreamOpenEvent extends StreamEvent {
  /** Opens that wait, this one included. */
  readonly queued: number;
}

/** The stream was given to a worker. */
export interface StreamStartEvent extends StreamEvent {
  readonly queuedMs: number;
  /** N of the thread's name `ixt-worker-N`. */
  readonly worker: number;
}

/**
 * Something other than its handler ends the stream: the host's cancel, the deadline, a breach of the contract, or the end of the
 * module.
 */
export interface StreamStopEvent extends StreamEvent {
  readonly cause: ErrorCode;
  /** For a person. */
  readonly reason: string;
  /**
   * Whether its handler is running. A running handler is told, and from here on it has the grace time (`--cancel-grace-ms`) to end.
   */
  readonly isRunning: boolean;
}

/** Main knows of the stream's terminal frame. */
export interface StreamEndEvent {
  readonly id: string;
  /** `undefined` if a frame for an id that was not live was answered with an error. */
  readonly context: InvocationContext | undefined;
  readonly code: 'close' | ErrorCode;
  /**
   * The message of an error that main sent, for a person. It is empty if the worker sent the error: see {@link HandlerEndEvent}.
   */
  readonly message: string;
  /** Time since its Open was accepted, in ms; `undefined` if it never was. */
  readonly openMs: number | undefined;
}

export interface WorkerEvent {
  /** N of the thread's name `ixt-worker-N`; a later thread may get it again. */
  readonly worker: number;
}

/** The thread has gone: it died, or main ended it. */
export interface WorkerExitEvent extends WorkerEvent {
  /** For a person. */
  readonly how: string;
  /** Number of streams and requests that ended with it. */
  readonly jobs: number;
  /** Whether main ended it because it had nothing to do: nothing is lost, and the next call that needs it wakes it. */
  readonly asleep: boolean;
}

/** Workers could not be started or could not load the module, or all of them serve again. */
export interface WorkerShortEvent {
  /** Number of missing workers, whose start is tried again; 0 if all serve again. */
  readonly missing: number;
  /** Why the last try failed, for a person; empty if none is missing. */
  readonly why: string;
}

/** A handler is about to be called. */
export interface HandlerStartEvent extends StreamEvent {
  /** The time at which main accepted the Open, in ms since the epoch. */
  readonly openedAt: number;
  /** Time that it then waited for a worker, in ms. */
  readonly queuedMs: number;
}

/**
 * The reason why a handler's send must wait: the host has given no credit, or its worker's ring is full because the host doesn't
 * read.
 */
export type StalledOn = 'credit' | 'ring';

export interface HandlerStallEvent extends StreamEvent {
  readonly on: StalledOn;
}

export interface HandlerResumeEvent extends HandlerStallEvent {
  /** Time that it waited, in ms. */
  readonly ms: number;
}

/** The handler's thread has ended the stream. The event does not come if the thread was ended instead. */
export interface HandlerEndEvent extends StreamEvent {
  readonly code: 'close' | ErrorCode;
  /** The message of the error, for a person; empty for a close. */
  readonly message: string;
  /**
   * CPU time of the thread since {@link HandlerStartEvent}, in ms; `undefined` before Node 23.9, and if other streams used the
   * thread meanwhile.
   */
  readonly cpuMs: number | undefined;
}

/** Code of this thread printed by `console` or `process.stdout` / `process.stderr`; the bytes went to standard error. */
export interface PrintEvent {
  readonly target: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/**
 * The events that the runner publishes. The first part of a name says on which thread:
 *
 * - `stream.*`, `worker.*` and `stats`: main. It sees all streams, but not into their handlers. No code of a module runs there, so
 *   to listen, preload a file (`NODE_OPTIONS="--import=/path/of/listen.mjs" ixt-module serve …`).
 * - `handler.*`: the worker thread that runs the handler. The module itself may listen, at the top of its file.
 * - `print`: the thread whose code printed.
 *
 * A preloaded file is run by every thread; `isMainThread` of `node:worker_threads` tells them apart. In
 * `ixt-sdk/testing` without a `file`, all of it is on the test's thread.
 *
 * Without listeners no event is made and nothing is measured for one. No frame costs anything for them, with listeners or without.
 */
export const channels = {
  streamOpen: typed<StreamOpenEvent>('ixt-sdk:stream.open'),
  streamStart: typed<StreamStartEvent>('ixt-sdk:stream.start'),
  streamStop: typed<StreamStopEvent>('ixt-sdk:stream.stop'),
  /** Exactly once for each Open, accepted or refused. */
  streamEnd: typed<StreamEndEvent>('ixt-sdk:stream.end'),
  /** A worker, the first or a replacement, has loaded the module. */
  workerReady: typed<WorkerEvent>('ixt-sdk:worker.ready'),
  workerExit: typed<WorkerExitEvent>('ixt-sdk:worker.exit'),
  /** Once when capacity is lost, and once when it is back; the figures say how many are missing at any time. */
  workerShort: typed<WorkerShortEvent>('ixt-sdk:worker.short'),
  /** About once a second, and at the end of the process. */
  stats: typed<Stats>('ixt-sdk:stats'),
  /** Stores that are bound to it hold while the handler runs, and in all asynchronous work that it begins. */
  handlerStart: typed<HandlerStartEvent>('ixt-sdk:handler.start'),
  /** The first Data frame of the handler is on its way. */
  handlerFirstByte: typed<StreamEvent>('ixt-sdk:handler.firstByte'),
  handlerStall: typed<HandlerStallEvent>('ixt-sdk:handler.stall'),
  handlerResume: typed<HandlerResumeEvent>('ixt-sdk:handler.resume'),
  handlerEnd: typed<HandlerEndEvent>('ixt-sdk:handler.end'),
  print: typed<PrintEvent>('ixt-sdk:print'),
} as const;

/** The cast is needed because Node's types don't know the type of a channel's messages. */
function typed<Message>(name: string): EventChannel<Message> {
  return channel(name) as unknown as EventChannel<Message>;
}
