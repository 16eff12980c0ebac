import { EventRenderer } from '../recording/render.ts';
import type { Side, WireEvent } from '../recording/timeline.ts';
import { plural } from '../terminal/format.ts';

/** How many of a case's events are shown: its beginning and its end say the most. */
const FIRST = 6;
const LAST = 14;

/** The messages of host and module in one case, as lines for a person. */
export class Transcript {
  readonly #started = performance.now();
  #renderer = new EventRenderer();
  #first: string[] = [];
  #last: string[] = [];
  #dropped = 0;

  message(from: Side, message: Uint8Array): void {
    this.#add({ kind: 'message', from, message, at: this.#now() });
  }

  /** Bytes that are no whole message, or that a case has cut. */
  bytes(from: Side, bytes: Uint8Array, why: string): void {
    this.#add({ kind: 'broken', from, bytes, why, at: this.#now() });
  }

  end(from: Side): void {
    this.#add({ kind: 'end', from, at: this.#now() });
  }

  exit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#add({ kind: 'exit', exit: { code, signal }, at: this.#now() });
  }

  /** Forgets what was said so far. */
  clear(): void {
    this.#renderer = new EventRenderer();
    this.#first = [];
    this.#last = [];
    this.#dropped = 0;
  }

  lines(): string[] {
    const gap = this.#dropped === 0 ? [] : [`… ${plural(this.#dropped, 'event')} in between`];
    return [...this.#first, ...gap, ...this.#last];
  }

  #now(): number {
    return performance.now() - this.#started;
  }

  #add(event: WireEvent): void {
    const line = this.#renderer.render(event).trimStart();
    if (this.#first.length < FIRST) {
      this.#first.push(line);
      return;
    }
    this.#last.push(line);
    if (this.#last.length > LAST) {
      this.#last.shift();
      this.#dropped += 1;
    }
  }
}
