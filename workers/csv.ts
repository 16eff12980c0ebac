/** csv: CSV with a row of field names in (RFC 4180), NDJSON out; what JSON would write as a number becomes one */
import { defineModule, ModuleError, type ServerStream } from '../src/index.ts';

/** NDJSON goes out in pieces of about this size: a Data frame per row would cost more than the row. */
const PIECE_UNITS = 32_768;

export default defineModule({
  name: 'csv',
  version: '1.0.0',
  onServerStream: {
    *csv(stream) {
      let names: string[] | undefined;
      let piece = '';
      let number = 0;
      for (const row of rowsOf(textOf(stream))) {
        number += 1;
        if (names === undefined) {
          names = row;
          continue;
        }
        if (row.length !== names.length) {
          const counts = `${row.length} fields, the first row has ${names.length}`;
          throw new ModuleError('invalidArgument', `Row ${number} has ${counts}.`);
        }
        piece += `${JSON.stringify(Object.fromEntries(names.map((name, at) => [name, valueOf(row[at] ?? '')])))}\n`;
        if (piece.length < PIECE_UNITS) continue;
        yield Buffer.from(piece);
        piece = '';
      }
      if (piece !== '') yield Buffer.from(piece);
    },
  },
});

/** Fifteen digits are what a double holds of any number. */
function valueOf(field: string): string | number {
  return field.length <= 16 && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(field) ? Number(field) : field;
}

/** A chunk ends anywhere, also inside a character. */
function* textOf(stream: ServerStream): Generator<string> {
  const decoder = new TextDecoder();
  for (const chunk of stream) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

function* rowsOf(text: Iterable<string>): Generator<string[]> {
  let row: string[] = [];
  let field = '';
  let isQuoted = false;
  let before = '';
  for (const piece of text) {
    for (const char of piece) {
      if (char === '"') {
        // A quote right after the closing one is a quote of the text, and the field goes on.
        if (!isQuoted && before === '"') field += char;
        isQuoted = !isQuoted;
      } else if (isQuoted || (char !== ',' && char !== '\n')) {
        field += char;
      } else {
        row.push(field);
        field = '';
        if (char === '\n') {
          yield row.map((text, at) => (at === row.length - 1 ? text.replace(/\r$/, '') : text));
          row = [];
        }
      }
      before = char;
    }
  }
  if (row.length > 0 || field !== '') yield [...row, field];
}
