/** aggregate: NDJSON in; count, sum, min and max of the field `value` per value of the field `group` out, as NDJSON */
import { defineModule, ModuleError, type ServerStream } from '../src/index.ts';

interface Summary {
  readonly group: string;
  count: number;
  sum: number;
  min: number;
  max: number;
}

/** All groups are held until the input ends, so their number has a bound. */
const MAX_GROUPS = 100_000;

export default defineModule({
  name: 'aggregate',
  version: '1.0.0',
  onServerStream: {
    *aggregate(stream) {
      const groupField = fieldName(stream, 'group');
      const valueField = fieldName(stream, 'value');
      const summaries = new Map<string, Summary>();
      for (const line of linesOf(stream)) {
        const record = parse(line);
        const value = record[valueField];
        if (typeof value !== 'number')
          throw invalid(`The field '${valueField}' is no number in this line: ${line}`);
        add(summaries, String(record[groupField]), value);
      }
      for (const summary of summaries.values()) yield Buffer.from(`${JSON.stringify(summary)}\n`);
    },
  },
});

function add(summaries: Map<string, Summary>, group: string, value: number): void {
  const summary = summaries.get(group);
  if (summary === undefined) {
    if (summaries.size === MAX_GROUPS)
      throw new ModuleError('resourceExhausted', `More than ${MAX_GROUPS} groups.`);
    summaries.set(group, { group, count: 1, sum: value, min: value, max: value });
    return;
  }
  summary.count += 1;
  summary.sum += value;
  summary.min = Math.min(summary.min, value);
  summary.max = Math.max(summary.max, value);
}

/** The lines that are not empty. A chunk ends anywhere, also inside a line or a character. */
function* linesOf(stream: ServerStream): Generator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line.trim() !== '');
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield rest;
}

function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    throw invalid(`This line is no JSON: ${line}`);
  }
}

function fieldName(stream: ServerStream, key: string): string {
  const entry = stream.context.metadata.find(([name]) => name === key);
  if (entry === undefined) throw invalid(`The metadata '${key}' is missing: the name of a field.`);
  return entry[1];
}

function invalid(message: string): ModuleError {
  return new ModuleError('invalidArgument', message);
}
