/** Rows of text as columns that line up at their right ends, the first row being the heads. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  const line = (row: readonly string[]): string =>
    row.map((text, column) => text.padStart(widths[column] ?? 0)).join('  ');
  return rows.map(line).join('\n');
}
