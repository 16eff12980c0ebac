import { escapeControls } from '../../base/stderr.ts';
import { bytes as inUnits, count, jsonBytes, plural } from '../terminal/format.ts';
import { MessageReader, type Content, type Message } from './message.ts';
import type { Side, WireEvent } from './timeline.ts';

/** Bytes of a payload that a readable line shows. */
const PREVIEW_BYTES = 32;

/** Readable lines for the events of one conversation, in their order. */
export class EventRenderer {
  readonly #reader = new MessageReader();
  /** Short names of streams in the order of their first frame, since an id has 32 digits. */
  readonly #names = new Map<string, string>();

  render(event: WireEvent): string {
    const time = `${(event.at / 1000).toFixed(6).padStart(12)} s`;
    switch (event.kind) {
      case 'message':
        return `${time}  ${arrow(event.from)}  ${this.#message(this.#reader.read(event.from, event.message))}`;
      case 'broken':
        return `${time}  ${arrow(event.from)}  ${plural(event.bytes.length, 'byte')} that can't be read: ${event.why}: ${preview(event.bytes)}`;
      case 'end':
        return `${time}  ${arrow(event.from)}  end`;
      case 'exit': {
        const { code, signal } = event.exit;
        return `${time}  the module ${code === null ? `was ended by ${signal}` : `exited with code ${code}`}`;
      }
    }
  }

  #message({ isFrame, id, content }: Message): string {
    const who = isFrame ? this.#name(id) : `request ${text(id)}`;
    // The first frame is where a reader looks the id up.
    const full = content.kind === 'open' ? ` ${id}` : '';
    return `${(id === '' ? '-' : who).padEnd(10)} ${content.kind}${full}${describe(content)}`;
  }

  #name(id: string): string {
    let name = this.#names.get(id);
    if (name === undefined) {
      name = `stream ${this.#names.size + 1}`;
      this.#names.set(id, name);
    }
    return name;
  }
}

/** One event as an object for JSON; bytes are `{ text }` or `{ base64 }`. */
export class EventJson {
  readonly #reader = new MessageReader();

  json(event: WireEvent): object {
    const { kind, at, ...rest } = event;
    const ms = Math.round(at * 1000) / 1000;
    if (event.kind === 'message') {
      const { isFrame, id, bytes, content } = this.#reader.read(event.from, event.message);
      const where = isFrame ? { stream: id } : { request: id };
      return { ms, from: event.from, ...where, bytes, ...content };
    }
    return { ms, kind, ...rest };
  }
}

/** For `JSON.stringify`: bytes as {@link jsonBytes} has them, big integers as text. */
export function jsonReplacer(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return jsonBytes(value);
  // A Buffer has been through its own toJSON.
  if (isBufferJson(value)) return jsonBytes(Uint8Array.from(value.data));
  return typeof value === 'bigint' ? String(value) : value;
}

/** The beginning of some bytes: as text in quotes where it is text, else in hex. */
export function preview(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, PREVIEW_BYTES);
  const rest = bytes.length > shown.length ? ' …' : '';
  const asText = new TextDecoder().decode(shown);
  // A character that the cut went through is no sign of binary content.
  // eslint-disable-next-line no-control-regex -- control characters are what binary content shows by
  const isText = !/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(asText.replace(/\ufffd$/, ''));
  return (isText ? JSON.stringify(asText) : Buffer.from(shown).toString('hex')) + rest;
}

/** The text of a content after its kind. It begins with a space if it is not empty. */
export function describe(content: Content): string {
  switch (content.kind) {
    case 'open': {
      const { context, initialCredit } = content;
      return ` ${describeContext(context)}, credit ${count(initialCredit)}`;
    }
    case 'data':
      return ` ${sized(content.data)}`;
    case 'progress':
      return ` ${sized(content.value)}`;
    case 'credit':
      return ` ${count(content.credit)}`;
    case 'cancel':
      return ` ${text(content.reason)}`;
    case 'error': {
      const details = content.details.length === 0 ? '' : `, details ${sized(content.details)}`;
      return ` ${content.code} ${text(content.message)}${details}`;
    }
    case 'handle':
      return ` ${describeContext(content.context)}, body ${sized(content.body)}`;
    case 'handled':
    case 'serviceResponse':
    case 'response':
      return ` ${sized(content.body)}`;
    case 'initialize':
      return ` protocol ${content.protocolVersion}, ${text(content.runtimeName)} ${text(content.runtimeVersion)}, config ${sized(content.config)}`;
    case 'initialized':
      return (
        ` protocol ${content.protocolVersion}, ${text(content.moduleName)} ${text(content.moduleVersion)}, ` +
        `${plural(content.workers, 'worker')}, credit ${count(content.initialCredit)}, ${content.capabilities.join(' ')}; ` +
        `methods ${content.methods.map(escapeControls).join(' ') || 'not named'}`
      );
    case 'healthReport':
      return (
        ` ${content.status}, ${plural(content.openStreams, 'stream')} open, ${count(content.queuedOpens)} queued, ` +
        `${count(content.busyWorkers)} of ${plural(content.workers, 'worker')} busy, ${inUnits(content.rssBytes)} resident`
      );
    case 'shutdown':
      return ` within ${count(content.drainMs)} ms`;
    case 'kvChange':
      return ` ${content.operation} ${text(content.key)} version ${content.version}, ${sized(content.value)}`;
    case 'serviceRequest':
      return ` ${text(content.service)} ${text(content.method)}, body ${sized(content.body)}`;
    case 'unreadable':
      return `: ${content.why}`;
    case 'close':
    case 'health':
    case 'drained':
      return '';
  }
}

function describeContext(context: Extract<Content, { kind: 'open' }>['context']): string {
  const { method, deadlineUnixMs, metadata, invocationId, caller, tenant, traceparent } = context;
  const parts = [text(method)];
  if (deadlineUnixMs !== 0) parts.push(`deadline ${new Date(deadlineUnixMs).toISOString()}`);
  for (const [name, value] of Object.entries({ invocationId, caller, tenant, traceparent })) {
    if (value !== '') parts.push(`${name} ${text(value)}`);
  }
  for (const [key, value] of metadata) parts.push(`${escapeControls(key)}=${text(value)}`);
  return parts.join(' ');
}

function sized(value: Uint8Array): string {
  return value.length === 0 ? '0 B' : `${inUnits(value.length)} ${preview(value)}`;
}

function text(value: string): string {
  return /^[\w./@:-]+$/.test(value) ? value : escapeControls(JSON.stringify(value));
}

function arrow(from: Side): string {
  return from === 'host' ? 'host → module' : 'host ← module';
}

function isBufferJson(value: unknown): value is { readonly data: readonly number[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { type, data } = value as { type?: unknown; data?: unknown };
  return type === 'Buffer' && Array.isArray(data);
}
