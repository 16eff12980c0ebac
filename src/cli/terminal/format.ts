/** The format of figures, which is the same in all commands. */

/**
 * A whole number with thousands apart: `12,345`. No formatter is kept for it, because to make one takes 30 ms, and `serve` loads this
 * file.
 */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `1 frame`, `2 frames`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Bytes in the largest binary unit that leaves at least 1: `17 B`, `1.5 KiB`. */
export function bytes(value: number): string {
  let rest = value;
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (rest < 1024) return unit === 'B' ? `${count(rest)} B` : `${tenths(rest)} ${unit}`;
    rest /= 1024;
  }
  return `${tenths(rest)} GiB`;
}

function tenths(value: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** Milliseconds as seconds: `1.25 s`. */
export function seconds(ms: number): string {
  return `${hundredths(ms / 1000)} s`;
}

/** `1,234.50`. */
export function hundredths(value: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** The width of a terminal that nobody has made wider. */
const COLUMNS = 80;

/**
 * Text as lines of 80 columns at most: broken at its last space, else behind the last `/` of a path, else where it must be.
 *
 * @param indent of every line but the first, in columns
 */
export function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > COLUMNS) {
    const at = breakOf(rest, lines.length === 0 ? 0 : indent);
    lines.push(rest.slice(0, at).trimEnd());
    rest = ' '.repeat(indent) + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** @param from where the text of the line begins, which its first space may be ahead of */
function breakOf(line: string, from: number): number {
  const least = Math.max(from, COLUMNS / 2);
  const space = line.lastIndexOf(' ', COLUMNS);
  if (space > least) return space;
  const slash = line.lastIndexOf('/', COLUMNS - 1) + 1;
  if (slash > least) return slash;
  // Two halves of one character stay together.
  return /[\ud800-\udbff]/.test(line.charAt(COLUMNS - 1)) ? COLUMNS - 1 : COLUMNS;
}

/** Rows of text as columns: the first column flush left, the others right, the first row being the heads. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) =>
        column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return rows.map(line).join('\n');
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes for JSON: as text where they are text, else in base64. */
export function jsonBytes(value: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: strictUtf8.decode(value) };
  } catch {
    return { base64: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') };
  }
}
