/** Drawings a second: enough to see that something moves. */
const INTERVAL_MS = 250;

/** Of a stream, what is needed to draw on it. */
interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * One line on the terminal of standard error that says how far something is; nothing where standard error is no terminal, or
 * where standard output is the same terminal and would be drawn over.
 *
 * @returns a function that takes the line away
 */
export function startProgressLine(
  render: () => string,
  { stdout, stderr }: { readonly stdout: Terminal; readonly stderr: Terminal } = process,
): () => void {
  if (!stderr.isTTY || stdout.isTTY) return () => undefined;
  const draw = (): void => {
    // Cut, since a line that wraps can't be taken back; then the rest of the old one is erased.
    const width = (stderr.columns || 80) - 1;
    stderr.write(`\r${render().slice(0, width)}\u001b[K`);
  };
  const timer = setInterval(draw, INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    stderr.write('\r\u001b[K');
  };
}
