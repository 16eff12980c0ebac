import { monitorEventLoopDelay } from 'node:perf_hooks';
import { BroadcastChannel } from 'node:worker_threads';
import { channels } from '../../diagnostics.ts';
import { orElse } from '../../base/or-else.ts';
import {
  eventText,
  WORKER_EVENTS,
  type HelloEvent,
  type LiveEvent,
  type StreamLiveEvent,
  type WorkerLiveEvent,
} from '../../live/events.ts';
import { StreamSample } from './stream-sample.ts';

/** Interval of the timer by which main's delay is measured, in ms. */
const LOOP_RESOLUTION_MS = 20;

/**
 * Collects what happens in this process, for those who connect to `--events-socket`: main's channels, and what the workers tell.
 * Nothing is done for a frame, and of streams only so many are told as {@link StreamSample} lets through.
 */
export class LiveEvents {
  readonly #hello: HelloEvent;
  readonly #onEvent: (event: LiveEvent) => void;
  readonly #sample = new StreamSample();
  /** The events of the streams that are told of and have not ended: their Open, their start, and the last stall. */
  readonly #streams = new Map<string, StreamLiveEvent[]>();
  readonly #workers = new Map<number, LiveEvent>();
  readonly #files = new Set<string>();
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #short: LiveEvent | undefined;

  /** @param onEvent called with each event, on the stack of what it is about */
  constructor(hello: HelloEvent, onEvent: (event: LiveEvent) => void) {
    this.#hello = hello;
    this.#onEvent = onEvent;
    const fromWorkers = new BroadcastChannel(WORKER_EVENTS);
    (fromWorkers as unknown as { unref(): void }).unref();
    fromWorkers.onmessage = (message: unknown) =>
      this.#onWorkerEvent((message as { readonly data: WorkerLiveEvent }).data);
    this.#loop.enable();
    this.#subscribe();
  }

  /** The events that a new listener needs to know the present state. */
  snapshot(): LiveEvent[] {
    const short = this.#short === undefined ? [] : [this.#short];
    const files: LiveEvent[] = this.#files.size === 0 ? [] : [{ kind: 'files', files: [...this.#files] }];
    return [
      this.#hello,
      ...files,
      ...this.#workers.values(),
      ...short,
      ...[...this.#streams.values()].flat(),
    ];
  }

  #subscribe(): void {
    channels.streamOpen.subscribe(({ id, context }) => {
      if (!this.#sample.take()) return;
      const event: StreamLiveEvent = { kind: 'open', at: now(), id, method: eventText(context.method) };
      this.#streams.set(id, [event]);
      this.#onEvent(event);
    });
    channels.streamStart.subscribe(({ id, worker }) => {
      this.#onStream({ kind: 'start', at: now(), id, worker });
    });
    channels.streamStop.subscribe(({ id, cause, reason }) => {
      this.#onStream({ kind: 'stop', at: now(), id, cause, reason: eventText(reason) });
    });
    channels.streamEnd.subscribe(({ id, code, message, openMs, context }) => {
      const end: StreamLiveEvent = { kind: 'end', at: now(), id, code, message: eventText(message) };
      // One that was refused has had no Open that was accepted, and is shown all the same.
      if (openMs === undefined && context !== undefined && this.#sample.take()) {
        this.#onEvent({ kind: 'open', at: end.at, id, method: eventText(context.method) });
        this.#onEvent(end);
      } else if (this.#streams.delete(id)) this.#onEvent(end);
    });
    channels.workerReady.subscribe(({ worker }) => {
      this.#onWorker({ kind: 'workerReady', at: now(), worker });
    });
    channels.workerExit.subscribe(({ worker, how, asleep }) => {
      this.#onWorker({ kind: 'workerExit', at: now(), worker, how: eventText(how), asleep });
    });
    channels.workerShort.subscribe(({ missing, why }) => {
      const event: LiveEvent = { kind: 'short', at: now(), missing, why: eventText(why) };
      this.#short = missing === 0 ? undefined : event;
      this.#onEvent(event);
    });
    channels.stats.subscribe((stats) => {
      const rssBytes = orElse(0, () => process.memoryUsage.rss());
      const { unseen: unseenStreams } = this.#sample;
      const mainDelayMs = this.#takeDelay();
      this.#onEvent({ kind: 'figures', at: now(), stats, rssBytes, mainDelayMs, unseenStreams });
    });
  }

  /** The figures of the process measure the delay since its start, in which a pause of a second ago is lost. */
  #takeDelay(): number {
    const { max } = this.#loop;
    this.#loop.reset();
    return Math.max(0, max / 1e6 - LOOP_RESOLUTION_MS);
  }

  #onStream(event: StreamLiveEvent): void {
    const told = this.#streams.get(event.id);
    if (told === undefined) return;
    if (event.kind === 'stall' || event.kind === 'resume') {
      if (told.at(-1)?.kind === 'stall') told.pop();
      if (event.kind === 'stall') told.push(event);
    } else told.push(event);
    this.#onEvent(event);
  }

  #onWorker(event: LiveEvent & { readonly worker: number }): void {
    if (event.kind === 'workerExit') this.#workers.delete(event.worker);
    else this.#workers.set(event.worker, event);
    this.#onEvent(event);
  }

  #onWorkerEvent(event: WorkerLiveEvent): void {
    switch (event.kind) {
      case 'stall':
      case 'resume':
        return this.#onStream(event);
      case 'handled':
        // Main often has seen the terminal frame before this message comes, so it is passed on for streams that have ended.
        return this.#onEvent(event);
      case 'files': {
        const known = this.#files.size;
        for (const file of event.files) this.#files.add(file);
        if (this.#files.size > known) this.#onEvent({ kind: 'files', files: [...this.#files] });
      }
    }
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
