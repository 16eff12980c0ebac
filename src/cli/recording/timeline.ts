import { Framer } from '../../wire/capnp/framer.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import { parseExit, type Entry, type RecordedExit } from './file-format.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../wire/capnp/limits.ts';

export type Side = 'host' | 'module';

/** The events on a wire, in order, with whole messages instead of bytes. */
export type WireEvent =
  | { readonly kind: 'message'; readonly at: number; readonly from: Side; readonly message: Uint8Array }
  /** Bytes that are no message: all that follows framing that can't be read, or a message that was cut off. */
  | {
      readonly kind: 'broken';
      readonly at: number;
      readonly from: Side;
      readonly bytes: Uint8Array;
      readonly why: string;
    }
  | { readonly kind: 'end'; readonly at: number; readonly from: Side }
  | { readonly kind: 'exit'; readonly at: number; readonly exit: RecordedExit };

// Whoever was recorded may have had a larger limit than the default.
const LIMITS: WireLimits = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: 1 << 29 };

/** The entries of a recording as events; a message counts from the moment of its last byte. */
export function timelineOf(entries: readonly Entry[]): WireEvent[] {
  const events: WireEvent[] = [];
  const sides = { host: new SideReader('host', events), module: new SideReader('module', events) };
  let last = 0;
  for (const entry of entries) {
    last = entry.at;
    switch (entry.kind) {
      case 'hostBytes':
        sides.host.push(entry.bytes, entry.at);
        break;
      case 'moduleBytes':
        sides.module.push(entry.bytes, entry.at);
        break;
      case 'hostEnd':
        sides.host.end(entry.at);
        break;
      case 'moduleEnd':
        sides.module.end(entry.at);
        break;
      case 'exit':
        events.push({ kind: 'exit', at: entry.at, exit: parseExit(entry) });
    }
  }
  sides.host.cut(last);
  sides.module.cut(last);
  return events;
}

/** Cuts what one side wrote into messages, and adds them to `events`. */
export class SideReader {
  readonly #from: Side;
  readonly #events: WireEvent[];
  readonly #framer: Framer;
  #at = 0;
  /** Bytes that were pushed and are not part of a message yet. */
  #rest: Uint8Array[] = [];
  #delivered = 0;
  #why: string | undefined;

  constructor(from: Side, events: WireEvent[]) {
    this.#from = from;
    this.#events = events;
    this.#framer = new Framer(LIMITS, (bytes, start, end) => {
      this.#delivered += end - start;
      events.push({ kind: 'message', at: this.#at, from, message: bytes.slice(start, end) });
    });
  }

  push(bytes: Uint8Array, at: number): void {
    this.#at = at;
    this.#rest.push(bytes);
    if (this.#why === undefined) {
      try {
        this.#framer.push(bytes);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        this.#why = error.message;
      }
      this.#drop();
    }
    if (this.#why !== undefined) this.cut(at);
  }

  end(at: number): void {
    this.cut(at);
    this.#events.push({ kind: 'end', at, from: this.#from });
  }

  /** The remaining bytes will never be part of a message. */
  cut(at: number): void {
    const bytes = Buffer.concat(this.#rest);
    this.#rest = [];
    if (bytes.length === 0) return;
    const why = this.#why ?? 'the message is cut off';
    this.#events.push({ kind: 'broken', at, from: this.#from, bytes, why });
  }

  /** Forgets what was handed on as messages. */
  #drop(): void {
    while (this.#delivered > 0) {
      const [first] = this.#rest;
      if (first === undefined) return;
      const taken = Math.min(first.length, this.#delivered);
      this.#delivered -= taken;
      if (taken === first.length) this.#rest.shift();
      else this.#rest[0] = first.subarray(taken);
    }
  }
}
