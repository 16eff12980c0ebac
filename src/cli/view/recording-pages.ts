import type { ExchangeView, MessagePage, MessageView, RecordingSummary } from '../../live/page.ts';
import type { Exchange } from '../recording/conversation.ts';
import type { Recording } from '../recording/file-format.ts';
import type { Content } from '../recording/message.ts';
import { readEvents, type ReadEvent } from '../recording/read-events.ts';
import { describe, preview } from '../recording/render.ts';
import { timelineOf } from '../recording/timeline.ts';
import { plural } from '../terminal/format.ts';

/** Exchanges that a summary lists. */
const MAX_EXCHANGES = 2000;
/** Messages of one page, and messages that are looked at for it: a search goes on where it stopped. */
const PAGE = 200;
const LOOKED_AT = 50_000;
/** The longest payload that a message shows, in bytes, and the longest text, in UTF-16 units. */
const MAX_PAYLOAD = 64 << 10;
const MAX_TEXT = 2000;

interface Counted {
  readonly exchange: Exchange;
  readonly from: number;
  to: number;
  hostFrames: number;
  hostBytes: number;
  moduleFrames: number;
  moduleBytes: number;
}

/** A recording, taken apart once, for a page that asks for its parts. */
export class RecordingPages {
  readonly name: string;
  readonly recording: Recording;
  readonly events: readonly ReadEvent[];
  readonly #exchanges = new Map<string, Counted>();

  /** @param name for a person */
  constructor(name: string, recording: Recording) {
    this.name = name;
    this.recording = recording;
    this.events = readEvents(timelineOf(recording.entries));
    for (const { event, message, exchange } of this.events) {
      if (event.kind !== 'message' || message === undefined || exchange === undefined) continue;
      this.#count(exchange, event.at, event.from, message.bytes);
    }
  }

  summary(): RecordingSummary {
    const { header, isCut } = this.recording;
    const exchanges = [...this.#exchanges.values()];
    return {
      name: this.name,
      command: header.command,
      startedUnixMs: header.startedUnixMs,
      version: header.version,
      isCut,
      ms: this.events.at(-1)?.event.at ?? 0,
      messages: this.events.length,
      exchanges: exchanges.slice(0, MAX_EXCHANGES).map(exchangeView),
      unlisted: Math.max(0, exchanges.length - MAX_EXCHANGES),
    };
  }

  /** The exchange of that key. */
  exchange(key: string): Exchange | undefined {
    return this.#exchanges.get(key)?.exchange;
  }

  /** Messages from number `from` on, of one exchange if `exchange` is not empty, that have `search` in them. */
  messages(from: number, exchange: string, search: string): MessagePage {
    const messages: MessageView[] = [];
    const wanted = search.toLowerCase();
    const end = Math.min(this.events.length, from + LOOKED_AT);
    let number = from;
    for (; number < end && messages.length < PAGE; number++) {
      const read = this.events[number];
      if (read === undefined || (exchange !== '' && read.exchange?.key !== exchange)) continue;
      const text = textOf(read);
      if (wanted === '' || isIn(wanted, text, read)) messages.push(messageView(number, read, text));
    }
    return { messages, next: number < this.events.length ? number : undefined };
  }

  #count(exchange: Exchange, at: number, from: 'host' | 'module', bytes: number): void {
    let counted = this.#exchanges.get(exchange.key);
    if (counted === undefined) {
      counted = { exchange, from: at, to: at, hostFrames: 0, hostBytes: 0, moduleFrames: 0, moduleBytes: 0 };
      this.#exchanges.set(exchange.key, counted);
    }
    counted.to = at;
    counted[from === 'host' ? 'hostFrames' : 'moduleFrames']++;
    counted[from === 'host' ? 'hostBytes' : 'moduleBytes'] += bytes;
  }
}

function exchangeView({ exchange, ...counted }: Counted): ExchangeView {
  const { key, isStream, id, method, said } = exchange;
  const last = said.at(-1);
  const end = last === undefined || last.kind === 'data' ? '' : last.kind === 'error' ? last.code : last.kind;
  return { ...counted, key, isStream, id, method, end };
}

function textOf({ event, message }: ReadEvent): string {
  switch (event.kind) {
    case 'message':
      return message === undefined ? '' : describe(message.content);
    case 'broken':
      return ` ${plural(event.bytes.length, 'byte')}: ${event.why}: ${preview(event.bytes)}`;
    case 'end':
      return '';
    case 'exit':
      return event.exit.code === null ? ` ended by ${event.exit.signal}` : ` code ${event.exit.code}`;
  }
}

function isIn(wanted: string, text: string, { message, exchange }: ReadEvent): boolean {
  if (`${message?.content.kind ?? ''}${text}`.toLowerCase().includes(wanted)) return true;
  if (exchange?.key.includes(wanted) === true) return true;
  const payload = payloadOf(message?.content);
  return payload !== undefined && Buffer.from(payload).toString().toLowerCase().includes(wanted);
}

function messageView(number: number, { event, message, exchange }: ReadEvent, text: string): MessageView {
  const payload = payloadOf(message?.content);
  return {
    number,
    ms: event.at,
    from: event.kind === 'exit' ? 'module' : event.from,
    exchange: exchange?.key ?? '',
    kind: message?.content.kind ?? event.kind,
    text: text.slice(0, MAX_TEXT),
    bytes: event.kind === 'message' ? event.message.length : event.kind === 'broken' ? event.bytes.length : 0,
    payload:
      payload === undefined
        ? undefined
        : {
            base64: Buffer.from(payload.subarray(0, MAX_PAYLOAD)).toString('base64'),
            bytes: payload.length,
          },
  };
}

function payloadOf(content: Content | undefined): Uint8Array | undefined {
  switch (content?.kind) {
    case 'data':
      return content.data;
    case 'handle':
    case 'handled':
    case 'serviceRequest':
    case 'serviceResponse':
    case 'response':
      return content.body;
    case 'kvChange':
      return content.value;
    case 'initialize':
      return content.config.length === 0 ? undefined : content.config;
    default:
      return undefined;
  }
}
