import type { Readable } from 'node:stream';

/** How much of a child's stderr is kept, in UTF-16 units; the beginning goes first. */
const TAIL_UNITS = 65_536;

/** Reads a child's stderr to its end, so that it never blocks on it, and keeps the tail. */
export class StderrTail {
  /** Settles when stderr has closed. */
  readonly ended: Promise<void>;
  readonly #stderr: Readable;
  #pieces: string[] = [];
  #units = 0;

  constructor(stderr: Readable, onText?: (text: string) => void) {
    this.#stderr = stderr;
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

  /** Reads no more: a grandchild may hold the other end for as long as it lives. */
  destroy(): void {
    this.#stderr.destroy();
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

/** Copies text to this process's standard error. Where nobody reads that any more, the text is lost and the process lives. */
export function copyToStderr(text: string): void {
  const { stderr } = process;
  stderr.write(text, (error) => {
    // It is emitted next, and would end the process where nobody listens.
    if (error instanceof Error && stderr.listenerCount('error') === 0) stderr.once('error', () => undefined);
  });
}
