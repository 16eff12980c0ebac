import { channels } from '../../diagnostics.ts';
import type { ErrorCode, ErrorReport } from '../../errors.ts';
import type { Stats } from '../../base/stats.ts';
import { redactWhenPrinted } from '../../handle/redacted-context.ts';
import type { InvocationContext } from '../../wire/context.ts';
import { DurationCount } from '../../base/durations.ts';
import { tell } from '../../base/subscribers.ts';
import { streamIdFromWords, type IdWords } from '../../wire/stream-id.ts';
import type { StreamTimes } from './stream-entry.ts';
import { type StreamEntry } from './stream-entry.ts';
import type { Clock } from '../../base/clock.ts';

/** A stream that gets an error of main's. For one that was never accepted, only its id and perhaps its context are known. */
export interface RefusedCall extends IdWords {
  readonly context?: InvocationContext;
  readonly times?: StreamTimes;
}

type StreamCounts = Pick<Stats, 'opened' | 'ended' | 'refused' | 'queueWait' | 'run' | 'cancelLatency'>;

/** Counts streams for `stats`, and publishes their events if somebody listens. Nothing here is done per frame. */
export class StreamFigures {
  readonly #clock: Clock;
  readonly #ended: Partial<Record<'close' | ErrorCode, number>> = {};
  readonly #refused: Partial<Record<ErrorCode, number>> = {};
  readonly #queueWait = new DurationCount();
  readonly #run = new DurationCount();
  readonly #cancelLatency = new DurationCount();
  #opened = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get figures(): StreamCounts {
    return {
      opened: this.#opened,
      ended: { ...this.#ended },
      refused: { ...this.#refused },
      queueWait: this.#queueWait.figures,
      run: this.#run.figures,
      cancelLatency: this.#cancelLatency.figures,
    };
  }

  /** An Open was accepted. @param queued opens that wait, this one included; 0: it starts at once */
  opened(entry: StreamEntry, queued: number): void {
    if (entry.times.opened > 0) return;
    this.#opened++;
    entry.times.opened = this.#clock.monotonic();
    if (channels.streamOpen.hasSubscribers) tell(channels.streamOpen, { ...about(entry), queued });
  }

  /** A worker has room for the stream. */
  started(entry: StreamEntry, worker: number): void {
    const { times } = entry;
    this.opened(entry, 0);
    times.started = this.#clock.monotonic();
    const queuedMs = times.started - times.opened;
    this.#queueWait.add(queuedMs);
    if (channels.streamStart.hasSubscribers)
      tell(channels.streamStart, { ...about(entry), queuedMs, worker });
  }

  /** Whether someone may want to know of a stream that runs whose it is. */
  get hasListeners(): boolean {
    return (
      channels.streamStart.hasSubscribers ||
      channels.streamStop.hasSubscribers ||
      channels.streamEnd.hasSubscribers
    );
  }

  /** A cause other than its handler's is decided. */
  stopped(entry: StreamEntry, cause: ErrorCode, reason: string): void {
    const isRunning = entry.running !== undefined;
    if (isRunning) entry.times.stopped = this.#clock.monotonic();
    if (channels.streamStop.hasSubscribers)
      tell(channels.streamStop, { ...about(entry), cause, reason, isRunning });
  }

  /** Main sends an error: to an accepted stream, to an Open that it refuses, or to an id that isn't live. */
  refused(call: RefusedCall, { code, message }: ErrorReport): void {
    if (!isAccepted(call)) this.#refused[code] = (this.#refused[code] ?? 0) + 1;
    this.#end(call, code, message);
  }

  /** Main has seen that the worker's terminal frame is committed. */
  ended(entry: StreamEntry): void {
    const code = entry.running?.assignment.control.terminalCode ?? 'close';
    this.#end(entry, code, '');
  }

  /** The handler has really ended. */
  settled({ times }: StreamEntry): void {
    const now = this.#clock.monotonic();
    this.#run.add(now - times.started);
    if (times.stopped > 0) this.#cancelLatency.add(now - times.stopped);
  }

  #end(call: RefusedCall, code: 'close' | ErrorCode, message: string): void {
    this.#ended[code] = (this.#ended[code] ?? 0) + 1;
    if (!channels.streamEnd.hasSubscribers) return;
    const { context } = call;
    tell(channels.streamEnd, {
      id: streamIdFromWords(call.id0, call.id1, call.id2, call.id3),
      code,
      message,
      context: context === undefined ? undefined : redactWhenPrinted(context),
      openMs: isAccepted(call) ? this.#clock.monotonic() - call.times.opened : undefined,
    });
  }
}

function isAccepted(call: RefusedCall): call is RefusedCall & { readonly times: StreamTimes } {
  return call.times !== undefined && call.times.opened > 0;
}

function about({ id, context }: StreamEntry): { readonly id: string; readonly context: InvocationContext } {
  return { id, context: redactWhenPrinted(context) };
}

/** The facts that are told of an Open that was never accepted. The context is decoded if someone asks, which must be at once. */
export function unopened(entry: StreamEntry): RefusedCall {
  const { id0, id1, id2, id3 } = entry;
  return {
    id0,
    id1,
    id2,
    id3,
    get context() {
      return entry.context;
    },
  };
}
