import { Message, type Struct, type StructCtor } from 'capnp-es';
import type { Codec, ValueDecoder } from '../methods/codec.ts';
import { Framer } from '../wire/capnp/framer.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';
import { checkAllPointers } from '../wire/capnp/walk.ts';
import { guarded } from './guarded.ts';

/**
 * Reading a message visits each of its words once, unless pointers share a target or elements have no size. So twice the message
 * and this many words are enough; what a few bytes stand for would be copied into memory by capnp-es.
 */
const SPARE_WORDS = 65_536;

/** The value that is sent for a struct: a function that fills a new one, or a struct, which is copied. */
export type CapnpInit<T extends Struct> = T | ((root: T) => void);

/**
 * Messages of Cap'n Proto with `type` at their root, each at most 16 MiB, framed as in a file: segment table, then segments. They
 * follow one another, wherever the frames of the stream begin and end.
 *
 * A message is walked with bounds before capnp-es sees it, so that damaged bytes are an `invalidArgument` and nothing worse. Where
 * the bytes are sound but not of `type`, a text where a list is expected say, the access that finds it throws an `invalidArgument`.
 *
 * @param type a class that capnp-es has generated
 */
export function capnp<T extends Struct>(type: StructCtor<T>): Codec<CapnpInit<T>, T> {
  return {
    name: 'capnp',
    typeName: type._capnp.displayName,
    mayCut: true,
    encode: (value) => encode(type, value),
    decoder: () => new CapnpDecoder(type),
  };
}

function encode<T extends Struct>(type: StructCtor<T>, value: unknown): Uint8Array {
  const message = new Message();
  if (typeof value === 'function') (value as (root: T) => void)(message.initRoot(type));
  else if (value instanceof type) message.setRoot(value);
  else {
    const { displayName } = type._capnp;
    throw new TypeError(`capnp() sends a ${displayName}, or a function that fills one, not ${String(value)}`);
  }
  return new Uint8Array(message.toArrayBuffer());
}

class CapnpDecoder<T extends Struct> implements ValueDecoder {
  readonly #type: StructCtor<T>;
  readonly #framer: Framer;
  /** Whole messages that were not given yet. */
  #messages: Uint8Array[] = [];

  constructor(type: StructCtor<T>) {
    this.#type = type;
    this.#framer = new Framer(DEFAULT_WIRE_LIMITS, (bytes, start, end) => {
      // A copy of its own: a value lives as long as the handler likes, and capnp-es writes into what it reads.
      this.#messages.push(bytes.slice(start, end));
    });
  }

  *push(payload: Uint8Array): Generator<T, void, undefined> {
    const failure = this.#cut(payload);
    const messages = this.#messages;
    this.#messages = [];
    for (const message of messages) yield this.#decode(message);
    if (failure !== undefined) throw failure;
  }

  end(): Iterable<T> {
    const { pendingBytes } = this.#framer;
    if (pendingBytes === 0) return [];
    throw new Error(`it ends ${pendingBytes} bytes into a Cap’n Proto message`);
  }

  /** @returns what is wrong with the framing; the messages before that are sound */
  #cut(payload: Uint8Array): Error | undefined {
    try {
      this.#framer.push(payload);
      return undefined;
    } catch (error) {
      if (error instanceof Error) return error;
      throw error;
    }
  }

  #decode(bytes: Uint8Array): T {
    const maxTraversalWords = bytes.length / 4 + SPARE_WORDS;
    checkAllPointers(bytes, { ...DEFAULT_WIRE_LIMITS, maxTraversalWords });
    return guarded(new Message(bytes, false).getRoot(this.#type));
  }
}
