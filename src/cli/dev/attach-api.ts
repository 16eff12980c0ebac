import type { Socket } from 'node:net';
import type { LiveEvent } from '../../live/events.ts';
import type { ModuleView, PageMessage } from '../../live/page.ts';
import { packageVersion } from '../package-version.ts';
import { newModuleView } from '../page-server/module-view.ts';
import { readEventsSocket, relayLiveEvents } from '../page-server/live-events.ts';
import { PageFeed } from '../page-server/page-feed.ts';
import type { PageAnswer, PageApi, PageRequest } from '../page-server/page-server.ts';

/** A process that is gone is looked for again after that time, in ms: its host may start another. */
const AGAIN_MS = 1000;

/** The requests of the page of `dev --attach`, which looks at the module of a real host. */
export class AttachApi implements PageApi {
  readonly #path: string;
  readonly #feed = new PageFeed(() => this.#snapshot());
  #view: ModuleView;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param path of the events socket */
  constructor(path: string) {
    this.#path = path;
    this.#view = { ...newModuleView('lost', path), why: `nobody listens at ${path} yet` };
    this.#connect();
  }

  close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#socket?.removeAllListeners('close').destroy();
    return Promise.resolve();
  }

  answer({ method, path: [first] }: PageRequest): Promise<PageAnswer | undefined> {
    return Promise.resolve(method === 'GET' ? this.#get(first) : undefined);
  }

  #get(name: string | undefined): PageAnswer | undefined {
    if (name === 'feed') return { events: (page) => this.#feed.open(page) };
    return name === 'live' ? { events: (page) => relayLiveEvents(this.#path, page) } : undefined;
  }

  #connect(): void {
    const onLines = (lines: readonly string[]): void => {
      const [line = ''] = lines;
      if (this.#view.state === 'attached') return;
      const hello = parsed(line);
      if (hello?.kind !== 'hello') {
        this.#socket?.destroy(new Error('what listens there is no ixt-module serve'));
        return;
      }
      const { file, workers } = hello;
      const generation = this.#view.generation + 1;
      this.#show({ state: 'attached', generation, file, workers, why: '' });
    };
    this.#socket = readEventsSocket(this.#path, onLines, (error) => {
      const why = error === undefined ? 'the module has ended' : `${this.#path}: ${error.message}`;
      this.#show({ state: 'lost', why });
      this.#timer = setTimeout(() => this.#connect(), AGAIN_MS);
    });
  }

  #show(change: Partial<ModuleView>): void {
    this.#view = { ...this.#view, ...change };
    this.#feed.tell({ kind: 'module', module: this.#view });
  }

  #snapshot(): PageMessage[] {
    return [
      { kind: 'begin', mode: 'attach', workingFolder: process.cwd(), version: packageVersion() },
      { kind: 'module', module: this.#view },
    ];
  }
}

/** Whoever made the socket may say anything. */
function parsed(line: string): LiveEvent | undefined {
  try {
    return JSON.parse(line) as LiveEvent;
  } catch {
    return undefined;
  }
}
