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
 * Channels belong to a thread. A listener runs at once, on the stack of what it is told of: one on main holds up every
 * stream while it runs, one on a worker that worker's. What it throws is an uncaught exception of its thread: on main,
 * the end of the process.
 */
export interface EventChannel<Message> {
  readonly name: string;
  readonly hasSubscribers: boolean;
  subscribe(listener: (message: Message, name: string | symbol) => void): void;
  /** @returns whether the listener was subscribed */
  unsubscribe(listener: (message: Message, name: string | symbol) => void): boolean;
  publish(message: Message): void;
  /** While {@link runStores} calls its function, and in whatever that begins, `store` holds what `transform` makes. */
  bindStore<Store>(store: AsyncLocalStorage<Store>, transform: (message: Message) => Store): void;
  /** @returns whether the store was bound */
  unbindStore<Store>(store: AsyncLocalStorage<Store>): boolean;
  runStores<Result>(message: Message, run: () => Result): Result;
}

/** Whom an event is about. The context prints redacted, as a handler's does. */
export interface StreamEvent {
  /** The stream's id, 32 hex digits. The host may use it again once the stream has ended. */
  readonly id: string;
  /**
   * On main of a stream that was given to its worker when nobody listened to `stream.*`: all of it empty. Main keeps a context
   * for its listeners only.
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

/** Something else than its handler ends the stream: the host's cancel, the deadline, a breach, the end of the module. */
export interface StreamStopEvent extends StreamEvent {
  readonly cause: ErrorCode;
  /** For a person. */
  readonly reason: string;
  /** Whether its handler is running, and is told; it has the grace time from here on. */
  readonly isRunning: boolean;
}

/** Main knows of the stream's terminal frame. */
export interface StreamEndEvent {
  readonly id: string;
  /** `undefined` where a frame for no live stream was answered with an error. */
  readonly context: InvocationContext | undefined;
  readonly code: 'close' | ErrorCode;
  /** Of an error that main sent, for a person. What the worker sent is in {@link HandlerEndEvent}. */
  readonly message: string;
  /** Since its Open was accepted, in ms; `undefined`: it never was. */
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
  /** Streams and requests that it took along. */
  readonly jobs: number;
}

/** Workers could not be started or could not load the module, or all of them serve again. */
export interface WorkerShortEvent {
  /** Workers that are missing, and are tried again; 0: none any more. */
  readonly missing: number;
  /** Why the last try failed, for a person; empty where none is missing. */
  readonly why: string;
}

/** A handler is about to be called. */
export interface HandlerStartEvent extends StreamEvent {
  /** When main accepted the Open, in ms since the epoch. */
  readonly openedAt: number;
  /** How long it then waited for a worker. */
  readonly queuedMs: number;
}

/** What a handler waits for that can't send: the host's credit, or room in its worker's ring (the host doesn't read). */
export type StalledOn = 'credit' | 'ring';

export interface HandlerStallEvent extends StreamEvent {
  readonly on: StalledOn;
}

export interface HandlerResumeEvent extends HandlerStallEvent {
  /** How long it waited. */
  readonly ms: number;
}

/** The handler's thread has ended the stream. It doesn't come where the thread was ended instead. */
export interface HandlerEndEvent extends StreamEvent {
  readonly code: 'close' | ErrorCode;
  /** Of an error; empty for a close. */
  readonly message: string;
  /**
   * CPU time of the thread since {@link HandlerStartEvent}, in ms; `undefined` before Node 23.9, and where other streams
   * had a part in it.
   */
  readonly cpuMs: number | undefined;
}

/** Code of this thread printed by `console` or `process.stdout` / `process.stderr`; the bytes went to standard error. */
export interface PrintEvent {
  readonly target: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/**
 * What the runner tells whoever listens. The first part of a name says on which thread:
 *
 * - `stream.*`, `worker.*` and `stats`: main. It sees all streams, but not into their handlers. Nothing of a module runs
 *   there: to listen, preload a file (`NODE_OPTIONS="--import=/path/of/listen.mjs" ixt-module serve …`).
 * - `handler.*`: the worker thread that runs the handler. The module itself may listen, at the top of its file.
 * - `print`: the thread whose code printed.
 *
 * A preloaded file is run by every thread; `isMainThread` of `node:worker_threads` tells them apart. In
 * `ixt-sdk/testing` without a `file`, all of it is on the test's thread.
 *
 * Without listeners nothing is made and nothing is measured for these, and no frame costs anything in any case.
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
  /** Its stores hold while the handler runs, and in all that it begins. */
  handlerStart: typed<HandlerStartEvent>('ixt-sdk:handler.start'),
  /** The first Data frame of the handler is on its way. */
  handlerFirstByte: typed<StreamEvent>('ixt-sdk:handler.firstByte'),
  handlerStall: typed<HandlerStallEvent>('ixt-sdk:handler.stall'),
  handlerResume: typed<HandlerResumeEvent>('ixt-sdk:handler.resume'),
  handlerEnd: typed<HandlerEndEvent>('ixt-sdk:handler.end'),
  print: typed<PrintEvent>('ixt-sdk:print'),
} as const;

/** Node's types know no types of messages. */
function typed<Message>(name: string): EventChannel<Message> {
  return channel(name) as unknown as EventChannel<Message>;
}
