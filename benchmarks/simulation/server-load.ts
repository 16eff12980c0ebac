import type { ContestResult } from '../harness/contest.ts';
import { figure } from '../harness/report.ts';
import { SERVER_CPU } from '../scopes/end-to-end.ts';

const NODES = [10, 100, 1_000];
const PLACES = 8;
const HANDLER_S = 1;
const LOAD = 0.8;
const SMALL_FRAMES_A_STREAM = 100;
const BYTES_A_STREAM = 1e6;
/** Each side of a session with something open says so once a second; a session is at most a stream here. */
const BEATS_A_STREAM = 2;
/** A ticket is taken from a queue group and put up again: so much more for each ticket in it, in µs. Measured with 100 to 10,000. */
const TICKET_US = 0.03;

/** CPU time of the server, as measured in the scope `nats`. */
export interface ServerCosts {
  /** For placing, opening and closing a stream, in µs. */
  readonly stream: number;
  /** For a message that goes alone, in µs. */
  readonly message: number;
  /** For a byte that passes in large messages, in ns. */
  readonly byte: number;
}

/** @returns undefined where `nats` was not measured, or the system doesn't count CPU time */
export function serverCosts(results: readonly ContestResult[]): ServerCosts | undefined {
  const ours = (title: RegExp): number =>
    results.find(({ scope, title: own }) => scope === 'nats' && title.test(own))?.contestants[0]?.details[
      SERVER_CPU
    ] ?? 0;
  const stream = ours(/^open and close, one/);
  const ping = ours(/there and back/);
  const large = ours(/^echo of 65536 B, 1 /);
  if (stream === 0 || ping === 0 || large === 0) return undefined;
  // There and back: two messages, and the bytes pass twice.
  return { stream, message: ping / 2, byte: (large * 1000) / (2 * 65_536) };
}

export function serverLoadText(costs: ServerCosts): string {
  const { stream, message, byte } = costs;
  return [
    `Measured in this run, CPU time of the server: ${figure(stream)} µs to place, open and close a stream, ${figure(message)} µs for a message that goes alone, ${figure(byte)} ns for each byte in large ones; and ${TICKET_US} µs for each ticket in the queue group whenever one is taken. With handlers of ${HANDLER_S} s, ${PLACES} places a node and a load of ${LOAD} that makes:`,
    '',
    `| nodes | streams/s | placing, opening, closing: server cores | beats/s, cores | ${SMALL_FRAMES_A_STREAM} small frames a stream, sent apart: /s, cores | 1 MB a stream: MB/s, cores |`,
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
    ...NODES.map((nodes) => {
      const live = nodes * PLACES * LOAD;
      const perSecond = live / HANDLER_S;
      const tickets = nodes * PLACES * (1 - LOAD);
      const placing = perSecond * (stream + TICKET_US * tickets);
      const beats = live * BEATS_A_STREAM;
      const frames = perSecond * SMALL_FRAMES_A_STREAM;
      const bytes = perSecond * BYTES_A_STREAM;
      const cores = (microseconds: number): string => figure(microseconds / 1e6);
      return `| ${figure(nodes)} | ${figure(perSecond)} | ${cores(placing)} | ${figure(beats)}, ${cores(beats * message)} | ${figure(frames)}, ${cores(frames * message)} | ${figure(bytes / 1e6)}, ${cores((bytes * byte) / 1000)} |`;
    }),
    '',
    'So placing reaches a thousand nodes on one server, small frames some hundreds on a few, and bytes are the limit, all of which pass one machine’s network twice. Handlers of 10 ms would be a hundred times as many streams: open one stream and send many inputs through it.',
  ].join('\n');
}
