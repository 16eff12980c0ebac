import { concat } from '../base/collected.ts';
import { bytesAdvice, bytesOf, kindName } from '../base/typed-array.ts';
import { MAX_DATA_BYTES } from '../wire/flow-limits.ts';
import { jsonSchemaOf, type SchemaSide } from './json-schema.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';

/**
 * Turns the values of one direction of a stream into payloads of Data frames, and back. Any object of this form is a codec, so an
 * author may write one for a format of their own.
 *
 * @typeParam Send the type of the values that the sender gives; @typeParam Receive the type that the receiver gets, since a schema
 *   may change a value
 */
export interface Codec<Send, Receive = Send> {
  /** The format, for a person: `bytes`, `text`, `json`, `ndjson`, `capnp`, or a name of the author's own. */
  readonly name: string;
  /** Checks each value, in the module: its input when it is decoded, its output before it is encoded. */
  readonly schema?: StandardSchema | undefined;
  /**
   * Whether a payload of more than 1 MiB may travel as several frames, because the receiver's decoder finds a value in any pieces.
   * If not, such a value is refused where it is sent.
   */
  readonly mayCut: boolean;
  /**
   * Whether the payloads of several values may travel as one (default: false), because the decoder finds each value in it, or the
   * receiver doesn't rely on the pieces. A client merges the values of an array or a synchronous iterable, which is much faster for
   * small ones.
   */
  readonly mayMerge?: boolean;
  /** The payload of one value. @throws Error for a value that can't be encoded; its message goes to whoever gave the value */
  encode(value: unknown): Uint8Array;
  /** A new decoder for one stream. Each stream needs its own, since a decoder may hold the beginning of a value. */
  decoder(): ValueDecoder;
  /**
   * Makes the value of a `one` direction of the decoded values, of which there may be none. It is for a codec whose receiver gets
   * a value in pieces. Without it, a `one` direction has exactly one decoded value.
   */
  join?(values: readonly unknown[]): unknown;
  /**
   * A JSON Schema document (draft 2020-12) of the values on the wire, for the module's description of itself.
   *
   * @param side `input` for the values that the schema is given, `output` for those that it gives back
   * @returns `undefined` if there is none
   */
  jsonSchema?(side: SchemaSide): string | undefined;
  /** For a format with types of its own, the name of this one, for example of a Cap'n Proto struct. */
  readonly typeName?: string | undefined;
  /** Carries the types only; no codec has this property. */
  readonly '~types'?: { readonly send: Send; readonly receive: Receive };
}

/**
 * Takes payloads and gives values, one by one. Values that precede bytes that can't be decoded are given before those bytes throw.
 * The values of one call must be taken completely before the next call. The message of what it throws goes to the sender.
 */
export interface ValueDecoder {
  push(payload: Uint8Array): Iterable<unknown>;
  /** Call it when the input has ended. It gives the values whose end was not seen yet, such as a last line without a line end. */
  end(): Iterable<unknown>;
}

/** A codec without types, for code that passes values through. */
export type AnyCodec = Codec<unknown>;
export type SentBy<C> = C extends { readonly '~types'?: { readonly send: infer S } } ? S : never;
export type ReceivedBy<C> = C extends { readonly '~types'?: { readonly receive: infer R } } ? R : never;

/** A line longer than this, in UTF-16 units, is refused, because input without line ends must not fill memory. */
const MAX_LINE = 16 << 20;

/** Bytes as they are: a chunk of up to 1 MiB arrives as it was sent, a larger one in pieces. */
export function bytes(): Codec<Uint8Array> {
  return {
    name: 'bytes',
    mayCut: true,
    encode: (value) => bytesIn(value),
    join: (chunks) => concat(chunks as readonly Uint8Array[]),
    decoder: () => ({ push: (payload) => [payload], end: () => [] }),
  };
}

/** UTF-8 text in pieces. A receiver gets the same text, but not the same pieces. Characters may be cut between two frames. */
export function text(): Codec<string> {
  return {
    name: 'text',
    mayCut: true,
    mayMerge: true,
    join: (pieces) => pieces.join(''),
    encode: (value) => {
      if (typeof value !== 'string') throw new TypeError(`text() sends strings, not ${kindName(value)}`);
      return encodeText(value);
    },
    decoder: () => {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      const values = (piece: string): string[] => (piece === '' ? [] : [piece]);
      return {
        push: (payload) => values(decodeText(decoder, payload)),
        end: () => values(decodeText(decoder)),
      };
    },
  };
}

/** One JSON value in each frame, so a value has at most 1 MiB of JSON. @param schema any Standard Schema validator */
export function json<S extends StandardSchema>(schema: S): Codec<SchemaInput<S>, SchemaOutput<S>>;
export function json<T = unknown>(): Codec<T>;
export function json(schema?: StandardSchema): Codec<unknown> {
  return {
    name: 'json',
    schema,
    mayCut: false,
    encode: (value) => encodeText(stringify(value)),
    jsonSchema: (side) => jsonSchemaOf(schema, side),
    decoder: () => {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      return {
        push: (payload) => {
          const value = decodeText(decoder, payload) + decodeText(decoder);
          return [parse(value)];
        },
        end: () => [],
      };
    },
  };
}

/**
 * One JSON value on each line, wherever the frames begin and end. Empty lines are ignored, and the last line needs no line end.
 *
 * @param schema any Standard Schema validator
 */
export function ndjson<S extends StandardSchema>(schema: S): Codec<SchemaInput<S>, SchemaOutput<S>>;
export function ndjson<T = unknown>(): Codec<T>;
export function ndjson(schema?: StandardSchema): Codec<unknown> {
  return {
    name: 'ndjson',
    schema,
    mayCut: true,
    mayMerge: true,
    encode: (value) => encodeText(`${stringify(value)}\n`),
    jsonSchema: (side) => jsonSchemaOf(schema, side),
    decoder: () => {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      let rest: string[] = [];
      let restLength = 0;
      function* take(piece: string): Generator<unknown, void, undefined> {
        const lines = piece.split('\n');
        const last = lines.pop() ?? '';
        for (const line of lines) {
          const whole = rest.join('') + line;
          rest = [];
          restLength = 0;
          if (whole.trim() !== '') yield parse(whole);
        }
        if (last === '') return;
        // A substring keeps the memory of the whole piece until its line is complete, so a short one is copied.
        rest.push(last.length * 2 < piece.length ? ownText(last) : last);
        restLength += last.length;
        if (restLength > MAX_LINE) throw new Error(`a line is longer than ${MAX_LINE} characters`);
      }
      return {
        push: (payload) => take(decodeText(decoder, payload)),
        end: () => take(`${decodeText(decoder)}\n`),
      };
    },
  };
}

function bytesIn(value: unknown): Uint8Array {
  const payload = bytesOf(value);
  if (payload === undefined)
    throw new TypeError(`bytes() sends bytes (a Uint8Array), not ${kindName(value)}${bytesAdvice(value)}`);
  return payload;
}

/** The same text with memory of its own. */
function ownText(part: string): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(encodeText(part));
}

function encodeText(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Decodes one payload. Without a payload it is the end of the text, where half a character is an error. */
function decodeText(decoder: InstanceType<typeof TextDecoder>, payload?: Uint8Array): string {
  try {
    return payload === undefined ? decoder.decode() : decoder.decode(payload, { stream: true });
  } catch (cause) {
    throw new Error('it is not valid UTF-8', { cause });
  }
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new Error(`it is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function stringify(value: unknown): string {
  const source = JSON.stringify(value) as string | undefined;
  if (source === undefined) throw new TypeError(`JSON has no form for ${typeof value}`);
  return source;
}

/** Why a value is refused: it is larger than a frame and its codec may not cut it. `undefined` if it fits a frame or may be cut. */
export function tooLargeFor(
  codec: Pick<AnyCodec, 'name' | 'mayCut'>,
  payload: Uint8Array,
): string | undefined {
  if (codec.mayCut || payload.length <= MAX_DATA_BYTES) return undefined;
  return (
    `it has ${payload.length} bytes as ${codec.name}, a frame holds ${MAX_DATA_BYTES}, and a ${codec.name} value can't be cut; ` +
    'send smaller values, or use ndjson(), text() or bytes()'
  );
}
