import type { ModuleHost } from '../../host/index.ts';
import type { CallView, OpenRequest } from '../../live/page.ts';
import { Call } from './call.ts';

/** Calls that are kept. Of those that have ended the oldest goes first. */
const MAX_CALLS = 50;
/** A call's state is told so often at most, in ms, however many frames it takes. */
const TELL_MS = 80;

/** The calls of all pages, live and ended. */
export class Calls {
  readonly #onView: (view: CallView) => void;
  readonly #calls = new Map<number, Call>();
  readonly #changed = new Set<Call>();
  #isWaiting = false;
  #lastId = 0;

  constructor(onView: (view: CallView) => void) {
    this.#onView = onView;
  }

  get views(): CallView[] {
    return [...this.#calls.values()].map(({ view }) => view);
  }

  /** @returns its id; undefined where so many are live that none can be forgotten */
  open(module: ModuleHost, request: OpenRequest): number | undefined {
    if (this.#calls.size >= MAX_CALLS) {
      const over = [...this.#calls].find(([, { isLive }]) => !isLive);
      if (over === undefined) return undefined;
      this.#calls.delete(over[0]);
    }
    const id = ++this.#lastId;
    const call: Call = new Call(id, module, request, () => this.#onChange(id));
    this.#calls.set(id, call);
    this.#onChange(id);
    return id;
  }

  get(id: number): Call | undefined {
    return this.#calls.get(id);
  }

  /** The module is gone or about to. @param why for a person */
  abandonAll(why: string): void {
    for (const call of this.#calls.values()) if (call.isLive) call.abandon(why);
  }

  #onChange(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#changed.add(call);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      for (const changed of this.#changed) this.#onView(changed.view);
      this.#changed.clear();
    }, TELL_MS);
  }
}
