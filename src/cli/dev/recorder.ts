import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordingView } from '../../live/page.ts';
import { openRecording, type RecordingLog } from '../recording/write-file.ts';

/** A recording from the page ends by itself at that size, in bytes. `ixt-module record` has no bound. */
const MAX_BYTES = 256 << 20;
/** Recordings that are kept. */
const MAX_RECORDINGS = 10;
/** The growing size is told so often at most, in ms. */
const TELL_MS = 500;

interface Kept {
  view: RecordingView;
  readonly file: string;
}

/** Records what host and child say, into files that go with this process. */
export class Recorder {
  readonly #onView: (view: RecordingView) => void;
  readonly #kept = new Map<string, Kept>();
  #folder: string | undefined;
  #running: { readonly id: string; readonly log: RecordingLog; toldAt: number } | undefined;
  #lastNumber = 0;
  #recordsNext = false;

  constructor(onView: (view: RecordingView) => void) {
    this.#onView = onView;
  }

  get views(): RecordingView[] {
    return [...this.#kept.values()].map(({ view }) => view);
  }

  /** The file of a recording; undefined for one that isn't kept, or that has not ended. */
  fileOf(id: string): string | undefined {
    const kept = this.#kept.get(id);
    return kept?.view.state === 'done' ? kept.file : undefined;
  }

  /** The next child that starts is recorded, since only a recording from the first message on can be replayed. */
  recordNext(): void {
    this.#recordsNext = true;
  }

  /** A child starts. @param command what a host would run */
  onStart(command: readonly string[]): void {
    if (!this.#recordsNext) return;
    this.#recordsNext = false;
    const number = ++this.#lastNumber;
    const id = String(number);
    this.#folder ??= mkdtempSync(join(tmpdir(), 'ixt-recordings-'));
    const file = join(this.#folder, `session-${number}.ixt`);
    const log = openRecording(file, false);
    log.begin(command);
    this.#running = { id, log, toldAt: performance.now() };
    const view: RecordingView = {
      id,
      name: `session-${number}.ixt`,
      state: 'recording',
      bytes: log.bytes,
      startedUnixMs: Date.now(),
      why: '',
    };
    this.#kept.set(id, { view, file });
    this.#onView(view);
    for (const [old, kept] of this.#kept) {
      if (this.#kept.size <= MAX_RECORDINGS) break;
      rmSync(kept.file, { force: true });
      this.#kept.delete(old);
    }
  }

  /** A whole message went over the wire. */
  add(direction: 'in' | 'out', message: Uint8Array): void {
    const running = this.#running;
    if (running === undefined) return;
    running.log.add(direction === 'out' ? 'hostBytes' : 'moduleBytes', message);
    if (running.log.bytes > MAX_BYTES) this.stop(`it has reached ${MAX_BYTES >> 20} MiB`);
    else if (performance.now() - running.toldAt > TELL_MS) {
      running.toldAt = performance.now();
      this.#show(running.id, { bytes: running.log.bytes });
    }
  }

  /** The recorded child has exited. */
  onExit(code: number | null, signal: string | null): void {
    this.#running?.log.add('exit', Buffer.from(JSON.stringify({ code, signal })));
    this.stop('the module has exited');
  }

  /** Ends the recording that runs, if one does. @param why for a person, where nobody asked for it */
  stop(why = ''): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.log.close();
    this.#show(running.id, { state: 'done', bytes: running.log.bytes, why });
  }

  /** The files go. */
  close(): void {
    this.stop();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #show(id: string, change: Partial<RecordingView>): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    kept.view = { ...kept.view, ...change };
    this.#onView(kept.view);
  }
}
