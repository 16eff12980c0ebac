import { SingleBar } from 'cli-progress';

/** How one rendering comes along. */
export interface Progress {
  /** One more row is done. */
  step(): void;
  stop(): void;
}

/** A bar on standard error, or a plain line at each quarter where that is no terminal. */
export function startProgress(label: string, rows: number): Progress {
  return process.stderr.isTTY ? bar(label, rows) : lines(label, rows);
}

function bar(label: string, rows: number): Progress {
  const single = new SingleBar({
    format: `${label} [{bar}] {percentage} %  {value}/{total} rows  {duration} s`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    // Drawing takes time from the cores that compute.
    fps: 5,
  });
  single.start(rows, 0);
  return { step: () => single.increment(), stop: () => single.stop() };
}

function lines(label: string, rows: number): Progress {
  let done = 0;
  let quarters = 0;
  return {
    step: () => {
      done += 1;
      const reached = Math.floor((4 * done) / rows);
      if (reached === quarters) return;
      quarters = reached;
      process.stderr.write(`${label.trim()}: ${quarters * 25} %\n`);
    },
    stop: () => undefined,
  };
}
