/** Drawings a second: enough to see that something moves. */
const INTERVAL_MS = 250;

/** Of a stream, what is needed to draw on it. */
interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Terminals {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

/** Whether a line can be drawn: standard error is a terminal, and standard output is not, which might be the same one. */
export function canDraw({ stdout, stderr }: Terminals = process): boolean {
  return stderr.isTTY === true && stdout.isTTY !== true;
}

/**
 * One line on the terminal of standard error that says how far something is; nothing where standard error is no terminal, or
 * where standard output is the same terminal and would be drawn over.
 *
 * @returns a function that takes the line away
 */
export function startProgressLine(render: () => string, terminals: Terminals = process): () => void {
  const { stderr } = terminals;
  if (!canDraw(terminals)) return () => undefined;
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
