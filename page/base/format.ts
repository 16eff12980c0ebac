const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 frame`, `2 frames`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `1.5 KiB`. */
export function bytes(value: number): string {
  let rest = value;
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (rest < 1024) return unit === 'B' ? `${count(rest)} B` : `${rest.toFixed(1)} ${unit}`;
    rest /= 1024;
  }
  return `${rest.toFixed(1)} GiB`;
}

/** `120 ms`, `3.4 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${count(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${count((ms % 60_000) / 1000)} s`;
}

/** A path as a reader knows it: from the working folder on, where it is below that. */
export function shortPath(path: string, workingFolder: string): string {
  return workingFolder !== '' && path.startsWith(`${workingFolder}/`)
    ? path.slice(workingFolder.length + 1)
    : path;
}
