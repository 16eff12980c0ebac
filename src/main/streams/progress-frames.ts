import { ProgressReader } from '../../shared-memory/progress-slot.ts';
import { FrameEncoder } from '../../wire/frame-encoder.ts';
import type { Clock } from '../../base/clock.ts';
import type { Outlet } from '../output/outlet.ts';
import type { StreamEntry } from './stream-entry.ts';

/** Time between two progress frames of one stream, in ms: at most 20 a second. */
const INTERVAL_MS = 50;

/** The part of main that writes progress frames. */
export interface ProgressHost {
  readonly clock: Clock;
  readonly outlet: Pick<Outlet, 'sendLate'>;
}

/** Where the values of one stream come from. */
interface Source {
  reader: ProgressReader;
  /** The time of its last frame, in ms of the monotonic clock. */
  lastAt: number;
  cancelTimer: () => void;
}

/**
 * Takes the latest progress of each stream from shared memory, and sends it when the stream may send the next. Main does it and
 * not the worker, because the worker's handler may compute for seconds after it has set a value.
 */
export class ProgressFrames {
  readonly #host: ProgressHost;
  readonly #sources = new Map<StreamEntry, Source>();
  #isAccepted = false;

  constructor(host: ProgressHost) {
    this.#host = host;
  }

  /** The host understands progress frames from here on. Values that wait leave now. */
  accept(): void {
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    for (const [entry, source] of this.#sources) this.#arm(entry, source);
  }

  /** The stream has a value to take. @param memory with its first value, and where its worker had to begin anew */
  onValue(entry: StreamEntry, memory: SharedArrayBuffer | undefined): void {
    let source = this.#sources.get(entry);
    if (source === undefined) {
      if (memory === undefined) return;
      source = { reader: new ProgressReader(memory), lastAt: -Infinity, cancelTimer: () => {} };
      this.#sources.set(entry, source);
    } else if (memory !== undefined) source.reader = new ProgressReader(memory);
    if (this.#isAccepted) this.#arm(entry, source);
  }

  /** The handler has ended. */
  end(entry: StreamEntry): void {
    this.#sources.get(entry)?.cancelTimer();
    this.#sources.delete(entry);
  }

  #arm(entry: StreamEntry, source: Source): void {
    const { clock } = this.#host;
    const send = (): void => this.#host.outlet.sendLate(() => this.#frameOf(entry, source));
    source.cancelTimer();
    const waitMs = source.lastAt + INTERVAL_MS - clock.monotonic();
    if (waitMs <= 0) send();
    else source.cancelTimer = clock.after(Math.ceil(waitMs), send);
  }

  /** The frame of the latest value; `undefined` if none may follow on the stream any more. */
  #frameOf(entry: StreamEntry, source: Source): Uint8Array | undefined {
    const { kind } = entry.state;
    if ((kind !== 'open' && kind !== 'half') || entry.terminalCommitted) return undefined;
    const value = source.reader.take();
    if (value === undefined) return undefined;
    source.lastAt = this.#host.clock.monotonic();
    return new FrameEncoder(entry).progress(value);
  }
}
