import { useSyncExternalStore } from 'react';
import type { FiguresEvent } from '../../src/live/events.ts';
import type {
  CallView,
  ModuleView,
  NodeView,
  PageMessage,
  PageMode,
  RecordingView,
} from '../../src/live/page.ts';

/** All that the page shows, apart from the lanes, which change too often for it. */
export interface PageState {
  readonly isConnected: boolean;
  readonly mode: PageMode;
  readonly workingFolder: string;
  readonly version: string;
  readonly module: ModuleView | undefined;
  /** Of a module on NATS. */
  readonly nodes: readonly NodeView[];
  /** The newest first. */
  readonly calls: readonly CallView[];
  readonly recordings: readonly RecordingView[];
  /** The end of the child's standard error. */
  readonly stderr: string;
  /** A point for each second, the oldest first. */
  readonly figures: readonly FiguresEvent[];
  /** Of each call that has one: its credit over time. */
  readonly credits: ReadonlyMap<number, readonly CreditPoint[]>;
}

/** The credit that a module had left. */
export interface CreditPoint {
  readonly at: number;
  readonly credit: number;
}

const KEPT_STDERR_UNITS = 256 << 10;
const KEPT_FIGURES = 180;
const KEPT_CREDITS = 600;

class PageStore {
  #state: PageState = {
    isConnected: false,
    mode: 'dev',
    workingFolder: '',
    version: '',
    module: undefined,
    nodes: [],
    calls: [],
    recordings: [],
    stderr: '',
    figures: [],
    credits: new Map(),
  };
  readonly #listeners = new Set<() => void>();

  readonly get = (): PageState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  take(messages: readonly PageMessage[]): void {
    let state = this.#state;
    for (const message of messages) state = withMessage(state, message);
    this.#set(state);
  }

  setConnected(isConnected: boolean): void {
    this.#set({ ...this.#state, isConnected });
  }

  addFigures(event: FiguresEvent): void {
    const [last] = this.#state.figures.slice(-1);
    // Another process counts from 0 again.
    const isNew = last !== undefined && last.stats.uptimeMs > event.stats.uptimeMs;
    const figures = isNew ? [event] : [...this.#state.figures.slice(1 - KEPT_FIGURES), event];
    this.#set({ ...this.#state, figures });
  }

  #set(state: PageState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function withMessage(state: PageState, message: PageMessage): PageState {
  switch (message.kind) {
    case 'begin': {
      const { mode, workingFolder, version } = message;
      return { ...state, mode, workingFolder, version, calls: [], recordings: [], stderr: '' };
    }
    case 'module':
      return { ...state, module: message.module };
    case 'nodes':
      return { ...state, nodes: message.nodes };
    case 'call': {
      const { call } = message;
      const calls = [call, ...state.calls.filter(({ id }) => id !== call.id)];
      calls.sort((a, b) => b.id - a.id);
      return { ...state, calls, credits: withCredit(state.credits, call) };
    }
    case 'recording': {
      const { recording } = message;
      return {
        ...state,
        recordings: [recording, ...state.recordings.filter(({ id }) => id !== recording.id)],
      };
    }
    case 'stderr':
      return { ...state, stderr: (state.stderr + message.text).slice(-KEPT_STDERR_UNITS) };
  }
}

function withCredit(credits: PageState['credits'], call: CallView): PageState['credits'] {
  if (call.request.kind === 'handle') return credits;
  const points = credits.get(call.id) ?? [{ at: call.startedUnixMs, credit: call.request.initialCredit }];
  const point = { at: Date.now(), credit: call.credit };
  return new Map(credits).set(call.id, [...points.slice(1 - KEPT_CREDITS), point]);
}

export const page = new PageStore();

/** The part of the state that `select` takes; the component is drawn again when it changes. */
export function usePage<Part>(select: (state: PageState) => Part): Part {
  return useSyncExternalStore(page.subscribe, () => select(page.get()));
}
