import { count } from '../terminal/format.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Conversation, Exchange, ServiceRequest } from './conversation.ts';
import type { RecordedExit } from './file-format.ts';
import type { Content } from './message.ts';
import { describe, preview } from './render.ts';

/** One difference between a replay and its recording. */
export interface Difference {
  /** For a person: which stream, request, or what else. */
  readonly where: string;
  readonly kind: 'data' | 'boundaries' | 'end' | 'answer' | 'service' | 'exit';
  /** Of `data`: which Data frame of its stream, from 1; and its first byte that differs, from 0, where both have one. */
  readonly frame?: number;
  readonly byte?: number;
  /** For a person; `undefined` if that side has none. */
  readonly recorded: string | undefined;
  readonly replayed: string | undefined;
}

export interface CompareRules {
  /** Methods whose Data may differ, since more than their input decides it: a time, a random number. */
  readonly ignoredMethods: ReadonlySet<string>;
  /** Whether the same bytes in other frames are the same. */
  readonly ignoreBoundaries: boolean;
}

/** Codes that the package gives by itself; their messages may name a thread or a time. */
const OWN_CODES: ReadonlySet<ErrorCode> = new Set([
  'internal',
  'cancelled',
  'deadlineExceeded',
  'resourceExhausted',
  'workerCrashed',
  'unavailable',
]);

/**
 * The possible ends of a stream that was cancelled, had a deadline, or whose host left, because it is chance which of them comes
 * first.
 */
const TIMED_ENDS: ReadonlySet<string> = new Set(['close', 'cancelled', 'deadlineExceeded', 'unavailable']);

/**
 * Compares what the module said, exchange by exchange.
 *
 * A difference is: another Data frame, one more or one less; the same bytes in other frames; another terminal frame (its kind, its
 * code, its details, and its message unless the code is one that the package gives by itself); another answer to a request;
 * another service request, in whatever order. None is: what streams' frames lie between each other's, credit, times, the numbers
 * of a health report, a version, worker count or window in Initialized. A stream that the host cancelled, that had a deadline, or
 * that ran when the host left, is compared as far as both sides go.
 */
export function compareConversations(
  recorded: Conversation,
  replayed: Conversation,
  rules: CompareRules,
): Difference[] {
  const differences: Difference[] = [];
  for (const exchange of recorded.exchanges.values()) {
    const other = replayed.exchanges.get(exchange.key);
    differences.push(...compareExchange(exchange, other?.said ?? [], rules));
  }
  for (const exchange of replayed.exchanges.values()) {
    if (recorded.exchanges.has(exchange.key)) continue;
    const where = nameOf(exchange);
    for (const content of exchange.said) {
      const kind = exchange.isStream ? 'end' : 'answer';
      differences.push({ where, kind, recorded: undefined, replayed: contentText(content) });
    }
  }
  return [...differences, ...compareServices(recorded, replayed)];
}

/** Compares the ends of the two processes, if the recording has one. */
export function compareExits(recorded: RecordedExit | undefined, replayed: RecordedExit): Difference[] {
  if (recorded === undefined) return [];
  if (recorded.code === replayed.code && recorded.signal === replayed.signal) return [];
  return [{ where: 'the module', kind: 'exit', recorded: exitText(recorded), replayed: exitText(replayed) }];
}

/** Compares what the module said in one exchange. @param replayed what it said in the same exchange again */
export function compareExchange(
  exchange: Exchange,
  replayed: readonly Content[],
  rules: CompareRules,
): Difference[] {
  const where = nameOf(exchange);
  const { said, isTimed } = exchange;
  if (!exchange.isStream) return compareEnd(where, 'answer', said.at(-1), replayed.at(-1), false);
  const ends = compareEnd(where, 'end', endOf(said), endOf(replayed), isTimed);
  if (rules.ignoredMethods.has(exchange.method)) return ends;
  return [...compareData(where, dataOf(said), dataOf(replayed), isTimed, rules), ...ends];
}

function compareData(
  where: string,
  recorded: readonly Uint8Array[],
  replayed: readonly Uint8Array[],
  isTimed: boolean,
  rules: CompareRules,
): Difference[] {
  const shorter = Math.min(recorded.length, replayed.length);
  const [ours, theirs] = isTimed
    ? [recorded.slice(0, shorter), replayed.slice(0, shorter)]
    : [recorded, replayed];
  let start = 0;
  while (start < shorter && isSame(ours[start], theirs[start])) start += 1;
  if (start === ours.length && start === theirs.length) return [];
  if (!isTimed && isSame(Buffer.concat(ours), Buffer.concat(theirs))) {
    if (rules.ignoreBoundaries) return [];
    const [was, is] = [sizes(ours.slice(start)), sizes(theirs.slice(start))];
    return [{ where, kind: 'boundaries', frame: start + 1, recorded: was, replayed: is }];
  }
  // Where a frame more or less is all, those behind it are the same again.
  let tail = 0;
  while (
    ours.length !== theirs.length &&
    tail < shorter - start &&
    isSame(ours[ours.length - 1 - tail], theirs[theirs.length - 1 - tail])
  ) {
    tail += 1;
  }
  const differences: Difference[] = [];
  for (let at = start; at < Math.max(ours.length, theirs.length) - tail; at += 1) {
    const was = at < ours.length - tail ? ours[at] : undefined;
    const is = at < theirs.length - tail ? theirs[at] : undefined;
    if (isSame(was, is)) continue;
    const byte = was === undefined || is === undefined ? {} : { byte: firstDifference(was, is) };
    differences.push({
      where,
      kind: 'data',
      frame: at + 1,
      ...byte,
      recorded: around(was, byte.byte),
      replayed: around(is, byte.byte),
    });
  }
  return differences;
}

function compareEnd(
  where: string,
  kind: 'end' | 'answer',
  recorded: Content | undefined,
  replayed: Content | undefined,
  isTimed: boolean,
): Difference[] {
  const [was, is] = [comparable(recorded), comparable(replayed)];
  if (was === is) return [];
  if (isTimed && TIMED_ENDS.has(endName(recorded)) && TIMED_ENDS.has(endName(replayed))) return [];
  const text = (content: Content | undefined): string | undefined =>
    content === undefined ? undefined : contentText(content);
  return [{ where, kind, recorded: text(recorded), replayed: text(replayed) }];
}

function compareServices(recorded: Conversation, replayed: Conversation): Difference[] {
  const rest = [...replayed.serviceRequests];
  const differences: Difference[] = [];
  const where = 'service requests';
  for (const request of recorded.serviceRequests) {
    const at = rest.findIndex((other) => isSameRequest(request, other));
    if (at >= 0) rest.splice(at, 1);
    else differences.push({ where, kind: 'service', recorded: contentText(request), replayed: undefined });
  }
  for (const request of rest) {
    differences.push({ where, kind: 'service', recorded: undefined, replayed: contentText(request) });
  }
  return differences;
}

/** Whether two service requests ask the same; their requestIds are the module's own choice. */
export function isSameRequest(a: ServiceRequest, b: ServiceRequest): boolean {
  return a.service === b.service && a.method === b.method && isSame(a.body, b.body);
}

/** The part of a terminal frame or an answer that is compared, as text: two are equal if their texts are. */
function comparable(content: Content | undefined): string {
  if (content === undefined) return '';
  switch (content.kind) {
    case 'error': {
      const { code, message, details } = content;
      return JSON.stringify([code, OWN_CODES.has(code) ? '' : message, base64(details)]);
    }
    case 'handled':
    case 'response':
      return `${content.kind} ${base64(content.body)}`;
    case 'initialized': {
      const { protocolVersion, moduleName, capabilities, methods } = content;
      return JSON.stringify([protocolVersion, moduleName, capabilities, methods]);
    }
    case 'healthReport':
      return content.kind;
    default:
      return contentText(content);
  }
}

function endName(content: Content | undefined): string {
  if (content === undefined) return '';
  return content.kind === 'error' ? content.code : content.kind;
}

function nameOf({ isStream, id, method }: Exchange): string {
  if (!isStream) return id === '' ? 'the connection' : `request ${id}${method === '' ? '' : ` (${method})`}`;
  return `stream ${id}${method === '' ? '' : ` (${method})`}`;
}

function dataOf(said: readonly Content[]): Uint8Array[] {
  return said.flatMap((content) => (content.kind === 'data' ? [content.data] : []));
}

function endOf(said: readonly Content[]): Content | undefined {
  return said.find(({ kind }) => kind !== 'data');
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  return at;
}

/** A frame, from a little ahead of the byte that matters. */
function around(data: Uint8Array | undefined, byte = 0): string | undefined {
  if (data === undefined) return undefined;
  const from = Math.max(0, byte - 8);
  return `${count(data.length)} B${from > 0 ? `, from byte ${count(from)}` : ''} ${preview(data.subarray(from))}`;
}

function sizes(frames: readonly Uint8Array[]): string {
  const shown = frames.slice(0, 6).map(({ length }) => `${count(length)} B`);
  return `frames of ${shown.join(', ')}${frames.length > shown.length ? ', …' : ''}`;
}

function contentText(content: Content): string {
  return content.kind + describe(content);
}

function exitText({ code, signal }: RecordedExit): string {
  return code === null ? `ended by ${signal}` : `exit code ${code}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
