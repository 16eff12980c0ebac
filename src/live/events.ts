import type { StalledOn } from '../diagnostics.ts';
import type { ErrorCode } from '../errors.ts';
import type { Stats } from '../base/stats.ts';

/** A live event of one stream. `at` is ms since the epoch, with fractions; the id is 32 hex digits, and may come again. */
interface OfStream {
  readonly at: number;
  readonly id: string;
}

/** The first event: the process that is watched. */
export interface HelloEvent {
  readonly kind: 'hello';
  readonly pid: number;
  /** Version of Node, as `v24.1.0`. */
  readonly node: string;
  /** Absolute path of the module file. */
  readonly file: string;
  /** Worker threads that were asked for, and streams that may share one. */
  readonly workers: number;
  readonly streamsPerWorker: number;
}

/** An Open was accepted; the stream waits for a worker. */
export interface OpenEvent extends OfStream {
  readonly kind: 'open';
  readonly method: string;
}

/** The stream was given to a worker. */
export interface StartEvent extends OfStream {
  readonly kind: 'start';
  /** N of the thread's name `ixt-worker-N`. */
  readonly worker: number;
}

/** A send of the handler waits, and no longer waits. */
export interface StallEvent extends OfStream {
  readonly kind: 'stall' | 'resume';
  readonly on: StalledOn;
}

/** Something other than its handler ends the stream. */
export interface StopEvent extends OfStream {
  readonly kind: 'stop';
  readonly cause: ErrorCode;
  readonly reason: string;
}

/** The handler's thread has ended the stream with an error, whose message the `end` of main doesn't know. */
export interface HandledEvent extends OfStream {
  readonly kind: 'handled';
  readonly code: ErrorCode;
  readonly message: string;
}

/** Main knows of the stream's terminal frame. */
export interface EndEvent extends OfStream {
  readonly kind: 'end';
  readonly code: 'close' | ErrorCode;
  readonly message: string;
}

/** A worker has loaded the module, or its thread has gone. */
export interface WorkerEvent {
  readonly kind: 'workerReady' | 'workerExit';
  readonly at: number;
  readonly worker: number;
  /** Of an exit: for a person. */
  readonly how?: string;
  /** Of an exit: whether the worker had nothing to do, and sleeps until a call needs it. */
  readonly asleep?: boolean;
}

/** Workers are missing, or (0) all serve again. */
export interface ShortEvent {
  readonly kind: 'short';
  readonly at: number;
  readonly missing: number;
  readonly why: string;
}

/** About once a second. */
export interface FiguresEvent {
  readonly kind: 'figures';
  readonly at: number;
  readonly stats: Stats;
  readonly rssBytes: number;
  /** The longest delay of main's event loop since the last of these events, in ms. */
  readonly mainDelayMs: number;
  /** Streams since the start that no event tells of, because they were too many. */
  readonly unseenStreams: number;
}

/** The files that a worker has loaded, without packages and Node's own. */
export interface FilesEvent {
  readonly kind: 'files';
  /** Absolute paths. */
  readonly files: readonly string[];
}

/** An event of one stream. */
export type StreamLiveEvent = OpenEvent | StartEvent | StallEvent | StopEvent | HandledEvent | EndEvent;

/**
 * The events of a module process for those who look at it: `serve --events-socket` writes each as a line of JSON, and the page of
 * `ixt-module dev` draws them.
 *
 * Payloads, metadata, callers and tenants are in none of them.
 */
export type LiveEvent = HelloEvent | StreamLiveEvent | WorkerEvent | ShortEvent | FiguresEvent | FilesEvent;

/** An event that a worker thread tells main. */
export type WorkerLiveEvent = StallEvent | HandledEvent | FilesEvent;

/** The name of the `BroadcastChannel` that carries a {@link WorkerLiveEvent} to main, inside of one process. */
export const WORKER_EVENTS = 'ixt-sdk:live';

/** The longest text of an event, in UTF-16 units: a method's name, a reason, a message. */
export const MAX_EVENT_TEXT = 500;

/** Cuts a text to {@link MAX_EVENT_TEXT}. */
export function eventText(text: string): string {
  return text.length <= MAX_EVENT_TEXT ? text : `${text.slice(0, MAX_EVENT_TEXT - 1)}…`;
}
