/** How figures are written, in all commands alike. */

/** A whole number with thousands apart: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `1 frame`, `2 frames`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Bytes in the largest binary unit that leaves at least 1: `17 B`, `1.5 KiB`. */
export function bytes(value: number): string {
  let rest = value;
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (rest < 1024) return unit === 'B' ? `${rest} B` : `${rest.toFixed(1)} ${unit}`;
    rest /= 1024;
  }
  return `${rest.toFixed(1)} GiB`;
}

/** Milliseconds as seconds: `1.25 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
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
