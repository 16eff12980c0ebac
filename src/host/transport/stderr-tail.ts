import type { Readable } from 'node:stream';

/** Length of a child's stderr text that is kept, in UTF-16 units. The oldest text is dropped first. */
const TAIL_UNITS = 65_536;

/** Reads a child's stderr to its end, so that the child never blocks on it, and keeps the end of the text. */
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

  /** The last text that the child wrote, at most 65,536 UTF-16 units. */
  text(): string {
    return this.#pieces.join('').slice(-TAIL_UNITS);
  }

  /** Stops reading, because a grandchild may hold the other end open for as long as it lives. */
  destroy(): void {
    this.#stderr.destroy();
  }

  #keep(text: string): void {
    this.#pieces.push(text);
    this.#units += text.length;
    // Cut only at twice the size, so that the text is copied now and then, and not for each piece.
    if (this.#units < 2 * TAIL_UNITS) return;
    const tail = this.text();
    this.#pieces = [tail];
    this.#units = tail.length;
  }
}

/** Copies text to this process's standard error. If nobody reads that any more, the text is lost and the process lives on. */
export function copyToStderr(text: string): void {
  const { stderr } = process;
  stderr.write(text, (error) => {
    // The error is emitted next, and would end the process if nobody listened.
    if (error instanceof Error && stderr.listenerCount('error') === 0) stderr.once('error', () => undefined);
  });
}
