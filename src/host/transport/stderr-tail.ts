import type { Readable } from 'node:stream';

/** How much of a child's stderr is kept, in UTF-16 units; the beginning goes first. */
const TAIL_UNITS = 65_536;

/** Reads a child's stderr to its end, so that it never blocks on it, and keeps the tail. */
export class StderrTail {
  /** Settles when stderr has closed. */
  readonly ended: Promise<void>;
  #pieces: string[] = [];
  #units = 0;

  constructor(stderr: Readable, onText?: (text: string) => void) {
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => {
      this.#keep(text);
      onText?.(text);
    });
    stderr.on('error', () => undefined);
    this.ended = new Promise((resolve) => void stderr.once('close', resolve));
  }

  /** At most 64 KiB of text: what the child said last. */
  text(): string {
    return this.#pieces.join('').slice(-TAIL_UNITS);
  }

  #keep(text: string): void {
    this.#pieces.push(text);
    this.#units += text.length;
    // Cut at twice the size, so that each piece is copied once in a while and not each time.
    if (this.#units < 2 * TAIL_UNITS) return;
    const tail = this.text();
    this.#pieces = [tail];
    this.#units = tail.length;
  }
}
