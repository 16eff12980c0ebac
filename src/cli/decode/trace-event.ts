import type { Exchange } from '../recording/conversation.ts';
import { readEvents } from '../recording/read-events.ts';
import { describe } from '../recording/render.ts';
import type { WireEvent } from '../recording/timeline.ts';

/** One event of the Trace Event Format, which Perfetto and chrome://tracing read. `ts` is in µs since the recording's start. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  /** Begin, instant and end of what overlaps with others of its kind; or metadata. */
  readonly ph: 'b' | 'n' | 'e' | 'M';
  readonly ts: number;
  readonly pid: number;
  readonly tid: number;
  /** Events of one stream or request have the same. */
  readonly id?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A recording is of one process. The wire doesn't say which worker runs a stream, so there is one thread. */
const PLACE = { pid: 1, tid: 1 };

/**
 * The streams and requests of a recording as spans of a trace, with an instant for each message.
 *
 * @param name of the process, for a person
 */
export function traceEvents(events: readonly WireEvent[], name: string): TraceEvent[] {
  const trace: TraceEvent[] = [
    { name: 'process_name', cat: '__metadata', ph: 'M', ts: 0, ...PLACE, args: { name } },
  ];
  const ends = new Map<Exchange, number>();
  const read = readEvents(events);
  for (const { event, message, exchange } of read) {
    if (event.kind !== 'message' || message === undefined || exchange === undefined) continue;
    const span = spanOf(exchange);
    const ts = event.at * 1000;
    if (!ends.has(exchange)) trace.push({ ...span, ph: 'b', ts, args: { id: exchange.id } });
    ends.set(exchange, ts);
    const { content, bytes } = message;
    const args = { from: event.from, bytes, says: content.kind + describe(content) };
    trace.push({ ...span, name: content.kind, ph: 'n', ts, args });
  }
  for (const [exchange, ts] of ends) {
    trace.push({ ...spanOf(exchange), ph: 'e', ts, args: { end: endOf(exchange) } });
  }
  return trace;
}

function spanOf({ key, isStream, method }: Exchange): Omit<TraceEvent, 'ph' | 'ts'> {
  const cat = isStream ? 'stream' : 'request';
  return { name: method === '' ? cat : method, cat, id: key, ...PLACE };
}

function endOf({ said, isOver }: Exchange): string {
  const last = said.at(-1);
  if (last === undefined || !isOver) return 'not ended';
  return last.kind === 'error' ? last.code : last.kind;
}
