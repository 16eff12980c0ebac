import type { PageMessage } from '../../live/page.ts';
import { packageVersion } from '../package-version.ts';
import { relayLiveEvents } from '../page-server/live-events.ts';
import { PageFeed } from '../page-server/page-feed.ts';
import type { PageAnswer, PageApi, PageRequest } from '../page-server/page-server.ts';
import { commandOfFile } from '../replay/play.ts';
import { RecordingsApi } from '../view/recordings-api.ts';
import { CallsApi } from './calls-api.ts';
import { ModuleChild, type ModuleChildEvents } from './module-child.ts';
import { Recorder } from './recorder.ts';
import { StderrText } from './stderr-text.ts';

const DONE: PageAnswer = { json: {} };

/** The requests of the page of `dev`: calls, recordings, and all that is told of the child. */
export class DevApi implements PageApi, ModuleChildEvents {
  readonly child: ModuleChild;
  readonly #feed = new PageFeed(() => this.#snapshot());
  readonly #calls = new CallsApi(
    () => this.child.serving,
    (call) => this.#feed.tell({ kind: 'call', call }),
  );
  readonly #recorder = new Recorder((recording) => this.#feed.tell({ kind: 'recording', recording }));
  readonly #recordings = new RecordingsApi({
    fileOf: (id) => this.#recorder.fileOf(id),
    target: async () => ({ command: await commandOfFile(this.child.file, 1), file: this.child.file }),
  });
  readonly #stderr = new StderrText();
  readonly #onText: (text: string) => void;

  /** @param flags of `serve` @param onText called with what the child prints */
  constructor(file: string, flags: readonly string[], onText: (text: string) => void) {
    this.#onText = onText;
    this.child = new ModuleChild(file, flags, this);
  }

  async close(): Promise<void> {
    await this.child.close();
    this.#recorder.close();
  }

  // From the child.

  onView(): void {
    this.#feed.tell({ kind: 'module', module: this.child.view });
  }

  onStderr(text: string): void {
    this.#onText(text);
    this.#feed.tell({ kind: 'stderr', text: this.#stderr.add(text) });
  }

  onLost(why: string): void {
    this.#calls.abandonAll(why);
    this.#recorder.stop(why);
  }

  onStart(): void {
    this.#recorder.onStart(this.child.command);
  }

  onWire(direction: 'in' | 'out', message: Uint8Array): void {
    this.#recorder.add(direction, message);
  }

  onExit(code: number | null, signal: string | null): void {
    this.#recorder.onExit(code, signal);
  }

  // From the page.

  answer(request: PageRequest): Promise<PageAnswer | undefined> {
    const { method, path } = request;
    const [first, id, part] = path;
    if (first === 'recordings' && id !== undefined) return this.#recordings.answer(id, part, request);
    if (first === 'calls') return Promise.resolve(this.#calls.answer(request));
    return Promise.resolve(method === 'GET' ? this.#get(first) : this.#post(first));
  }

  #get(name: string | undefined): PageAnswer | undefined {
    switch (name) {
      case 'feed':
        return { events: (page) => this.#feed.open(page) };
      case 'live':
        return { events: (page) => relayLiveEvents(this.child.eventsSocket, page) };
      default:
        return undefined;
    }
  }

  #post(name: string | undefined): PageAnswer | undefined {
    switch (name) {
      case 'restart':
        this.child.restart('asked for on the page');
        return DONE;
      case 'record':
        this.#recorder.recordNext();
        this.child.restart('a recording begins');
        return DONE;
      case 'stop-recording':
        this.#recorder.stop();
        return DONE;
      default:
        return undefined;
    }
  }

  #snapshot(): PageMessage[] {
    return [
      { kind: 'begin', mode: 'dev', workingFolder: process.cwd(), version: packageVersion() },
      { kind: 'module', module: this.child.view },
      ...this.#calls.views.map((call): PageMessage => ({ kind: 'call', call })),
      ...this.#recorder.views.map((recording): PageMessage => ({ kind: 'recording', recording })),
      { kind: 'stderr', text: this.#stderr.kept },
    ];
  }
}
