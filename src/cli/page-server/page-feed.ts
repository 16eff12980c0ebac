import type { ServerResponse } from 'node:http';
import type { PageMessage } from '../../live/page.ts';

/** Messages leave together after that time, in ms: a page draws no faster. */
const BATCH_MS = 40;
/** A page that is behind by that many bytes is left. It connects again, and gets what there is then. */
const MAX_BEHIND_BYTES = 8 << 20;
/** Time after which a page that was left tries again, in ms. */
const RETRY_MS = 300;

/** Tells all pages that are open what happens, as events of `text/event-stream`, each a batch in JSON. */
export class PageFeed {
  readonly #snapshot: () => readonly PageMessage[];
  readonly #pages = new Set<ServerResponse>();
  /** By what replaces what: of a call, only its newest state matters. */
  #batch = new Map<string | symbol, PageMessage>();
  #timer: NodeJS.Timeout | undefined;

  /** @param snapshot all that a page must know that opens now */
  constructor(snapshot: () => readonly PageMessage[]) {
    this.#snapshot = snapshot;
  }

  open(page: ServerResponse): void {
    this.#flush();
    page.on('close', () => this.#pages.delete(page));
    page.write(`retry: ${RETRY_MS}\n\n`);
    page.write(eventOf(this.#snapshot()));
    this.#pages.add(page);
  }

  tell(message: PageMessage): void {
    if (this.#pages.size === 0) return;
    const name = nameOf(message);
    // To the end: what depends on it comes behind it.
    this.#batch.delete(name);
    this.#batch.set(name, message);
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.size === 0) return;
    const event = eventOf([...this.#batch.values()]);
    this.#batch = new Map();
    for (const page of this.#pages) {
      if (page.writableLength > MAX_BEHIND_BYTES) page.destroy();
      else page.write(event);
    }
  }
}

function nameOf(message: PageMessage): string | symbol {
  switch (message.kind) {
    case 'call':
      return `call ${message.call.id}`;
    case 'recording':
      return `recording ${message.recording.id}`;
    case 'module':
    case 'nodes':
    case 'begin':
      return message.kind;
    case 'stderr':
      return Symbol();
  }
}

function eventOf(messages: readonly PageMessage[]): string {
  return `data: ${JSON.stringify(messages)}\n\n`;
}
