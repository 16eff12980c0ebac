import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { packageRoot } from '../../base/package-files.ts';
import { spawnModule, type Initialized, type ModuleProcess } from '../../host/index.ts';
import type { LiveEvent } from '../../live/events.ts';
import type { ModuleView } from '../../live/page.ts';
import { EXIT } from '../../main/options.ts';
import { readEventsSocket } from '../page-server/live-events.ts';
import { newModuleView } from '../page-server/module-view.ts';
import { syntaxPlace } from '../open-module.ts';
import { describedBy } from './methods.ts';
import { sourcePlaces } from './source-places.ts';
import { WatchedFiles } from './watched-files.ts';

/** The events of the module and its child. */
export interface ModuleChildEvents {
  onView(view: ModuleView): void;
  /** Text of the child's standard error. */
  onStderr(text: string): void;
  /** The child is to be replaced, or gone: what was open on it is over. @param why for a person */
  onLost(why: string): void;
  /** A child starts: the first message of its wire is next. */
  onStart(): void;
  /** A message went over the wire. */
  onWire(direction: 'in' | 'out', message: Uint8Array): void;
  onExit(code: number | null, signal: string | null): void;
}

/** The child of `dev`: started, and started again whenever a file that it loaded changes. */
export class ModuleChild {
  readonly file: string;
  readonly #flags: readonly string[];
  readonly #events: ModuleChildEvents;
  /** For the sockets of its children, which the path of a project may be too long for. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'ixt-dev-'));
  readonly #watched = new WatchedFiles((file) => {
    this.#changed = file;
    this.restart(`${file} has changed`);
  });
  #changed: string | undefined;
  #module: ModuleProcess | undefined;
  #view: ModuleView;

  /** @param flags of `serve` */
  constructor(file: string, flags: readonly string[], events: ModuleChildEvents) {
    this.file = resolve(file);
    this.#flags = flags;
    this.#events = events;
    this.#view = newModuleView('starting', this.file);
    this.#watched.set([this.file]);
  }

  get view(): ModuleView {
    return this.#view;
  }

  /** The child that takes calls now; undefined while there is none. */
  get serving(): ModuleProcess | undefined {
    return this.#view.state === 'serving' ? this.#module : undefined;
  }

  /** Where the child tells its events. */
  get eventsSocket(): string {
    return join(this.#folder, `events-${this.#view.generation}`);
  }

  get command(): readonly string[] {
    return ['ixt-module', 'serve', this.file, ...this.#flags];
  }

  /** Starts the child, or another in its place. @param why for a person */
  restart(why: string): void {
    const old = this.#module;
    if (old !== undefined) {
      this.#events.onLost(`the module was started again: ${why}`);
      void old.close({ drainMs: 0 });
    }
    this.#show({ state: 'starting', generation: this.#view.generation + 1, why, places: [] });
    this.#events.onStart();
    let said = '';
    const module = spawnModule({
      file: this.file,
      args: ['--events-socket', this.eventsSocket, ...this.#flags],
      onStderr: (text) => {
        said = (said + text).slice(-16_384);
        this.#events.onStderr(text);
      },
      onWire: (direction, message) => {
        if (module === this.#module) this.#events.onWire(direction, message);
      },
    });
    this.#module = module;
    module.initialize({ runtimeName: 'ixt-module dev' }).then(
      (info) => this.#onServing(module, info),
      // Its exit says why.
      () => undefined,
    );
    void module.exited.then(({ code, signal }) => this.#onExit(module, code, signal, said));
  }

  /** Ends the child, and settles when it is gone. */
  async close(): Promise<void> {
    this.#watched.close();
    await this.#module?.close({ drainMs: 0 });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #onServing(module: ModuleProcess, info: Initialized): void {
    if (module !== this.#module) return;
    this.#show({ state: 'serving', ...describedBy(info) });
    this.#watchWhatItLoads();
  }

  /** An error of syntax in JavaScript doesn't say where it is. The file that has changed is looked at, and the module's. */
  #withSyntaxPlace(said: string): string {
    if (sourcePlaces(said).some(({ file }) => file !== this.file)) return said;
    for (const file of new Set([this.#changed, this.file])) {
      const place = file === undefined ? undefined : syntaxPlace(file);
      if (place === undefined) continue;
      this.#events.onStderr(`${place}\n`);
      return `${said.trimEnd()}\n${place}`;
    }
    return said;
  }

  #watchWhatItLoads(): void {
    readEventsSocket(
      this.eventsSocket,
      (lines) => {
        for (const line of lines) {
          const event = JSON.parse(line) as LiveEvent;
          if (event.kind !== 'files') continue;
          this.#watched.set([this.file, ...event.files.filter(isAuthors)]);
          this.#show({});
        }
      },
      () => undefined,
    );
  }

  #onExit(module: ModuleProcess, code: number | null, signal: string | null, said: string): void {
    if (module !== this.#module) return;
    this.#events.onExit(code, signal);
    this.#module = undefined;
    if (code === EXIT.badModule || this.#view.state === 'starting') {
      const text = code === EXIT.badModule ? this.#withSyntaxPlace(said) : said;
      const places = sourcePlaces(text);
      // What it could not load is in no list of what it has loaded.
      this.#watched.set([...this.#watched.files, ...places.map(({ file }) => file)]);
      const why = text.trim() === '' ? `the module ended before it had started (${how(code, signal)})` : text;
      this.#show({ state: 'failed', why: why.trim(), places });
    } else {
      const why = `the module ${how(code, signal)}`;
      this.#show({ state: 'ended', why, places: [] });
      this.#events.onLost(why);
    }
  }

  #show(change: Partial<ModuleView>): void {
    this.#view = { ...this.#view, ...change, watchedFiles: this.#watched.count };
    this.#events.onView(this.#view);
  }
}

/** Whether a file is not the runner's own. In a checkout its samples and fixtures are a module's. */
function isAuthors(file: string): boolean {
  const root = packageRoot();
  return !['src/', 'dist/src/', 'dist/workers/stream-worker.cjs', 'workers/stream-worker.ts'].some((own) =>
    file.startsWith(join(root, own)),
  );
}

function how(code: number | null, signal: string | null): string {
  if (code !== null) return `exited with code ${code}`;
  return signal === null ? 'could not be started' : `was ended by ${signal}`;
}
