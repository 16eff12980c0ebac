import { textOf } from '../../base/thrown.ts';
import type { ModuleView, NodeView, PageMessage } from '../../live/page.ts';
import type { NatsModule, NodeInfo } from '../../nats/index.ts';
import { packageVersion } from '../package-version.ts';
import { newModuleView } from '../page-server/module-view.ts';
import { PageFeed } from '../page-server/page-feed.ts';
import type { PageAnswer, PageApi, PageRequest } from '../page-server/page-server.ts';
import { CallsApi } from './calls-api.ts';
import { describedBy } from './methods.ts';

/** The nodes are asked again that long after they have answered, in ms. */
const AGAIN_MS = 1000;

/** The requests of the page of `dev --nats`: the nodes of a module, and calls that go to any of them. */
export class NodesApi implements PageApi {
  readonly #module: NatsModule;
  readonly #feed = new PageFeed(() => this.#snapshot());
  readonly #calls = new CallsApi(
    () => (this.#view.state === 'serving' ? this.#module : undefined),
    (call) => this.#feed.tell({ kind: 'call', call }),
  );
  #view: ModuleView;
  #nodes: readonly NodeView[] = [];
  /** The ids of the nodes when one of them was asked for its methods; empty where none has answered. */
  #described = '';
  #isClosed = false;

  /** @param subjects the words in front of the module's subjects */
  constructor(module: NatsModule, name: string, subjects: string) {
    this.#module = module;
    this.#view = { ...newModuleView('starting', subjects), name };
    void this.#watch();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#module.close({ drainMs: 0 });
  }

  answer(request: PageRequest): Promise<PageAnswer | undefined> {
    const { method, path } = request;
    const [first] = path;
    if (first === 'calls') return Promise.resolve(this.#calls.answer(request));
    return Promise.resolve(method === 'GET' ? this.#get(first) : undefined);
  }

  #get(name: string | undefined): PageAnswer | undefined {
    if (name === 'feed') return { events: (page) => this.#feed.open(page) };
    // Events of streams stay on their nodes: the page's other connection is held open, and nothing comes.
    return name === 'live' ? { events: (page) => void page.write(': nothing\n\n') } : undefined;
  }

  async #watch(): Promise<void> {
    while (!this.#isClosed) {
      this.#onNodes(await this.#module.nodes());
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  #onNodes(nodes: readonly NodeInfo[]): void {
    this.#nodes = nodes.map(({ startedAt, ...node }) => ({ ...node, startedUnixMs: startedAt.getTime() }));
    this.#feed.tell({ kind: 'nodes', nodes: this.#nodes });
    const ids = nodes.map(({ id }) => id).join(' ');
    if (ids === '') {
      this.#described = '';
      this.#show({ state: 'lost', why: `No node of ${this.#view.name} answers on NATS.` });
    } else if (ids !== this.#described) {
      this.#described = ids;
      void this.#describe();
    }
  }

  /** Another node may serve another version, with other methods. */
  async #describe(): Promise<void> {
    try {
      const { name: _own, ...described } = describedBy(
        await this.#module.initialize({ runtimeName: 'ixt-module dev' }),
      );
      this.#show({ state: 'serving', why: '', ...described });
    } catch (error) {
      // The node that was asked may have gone meanwhile; the next look at the nodes asks again.
      this.#described = '';
      this.#show({ state: 'lost', why: textOf(error) });
    }
  }

  #show(change: Partial<ModuleView>): void {
    this.#view = { ...this.#view, ...change };
    this.#feed.tell({ kind: 'module', module: this.#view });
  }

  #snapshot(): PageMessage[] {
    return [
      { kind: 'begin', mode: 'nats', workingFolder: process.cwd(), version: packageVersion() },
      { kind: 'module', module: this.#view },
      { kind: 'nodes', nodes: this.#nodes },
      ...this.#calls.views.map((call): PageMessage => ({ kind: 'call', call })),
    ];
  }
}
