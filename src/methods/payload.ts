import { bytes, type AnyCodec, type Codec } from './codec.ts';

/** One direction of a method that has exactly one value. */
export interface One<C extends AnyCodec> {
  readonly codec: C;
  readonly single: true;
}

/** One direction of a method that has any number of values, one after the other. */
export interface Many<C extends AnyCodec> {
  readonly codec: C;
  readonly single: false;
}

/** The values of one direction of a method: their codec, and whether there is exactly one. */
export type Payload = One<AnyCodec> | Many<AnyCodec>;

/** A direction as a shape may state it: a codec by itself means {@link many}, or {@link one} in the shape of a request. */
export type PayloadInit = Payload | AnyCodec;

/**
 * Exactly one value: a host's call takes it, or its promise resolves with it. Of a codec that cuts values into pieces where it likes
 * (`bytes`, `text`) it is all pieces together, so it may be larger than a frame.
 */
export function one<C extends AnyCodec>(codec: C): One<C> {
  return { codec, single: true };
}

/** Any number of values: both sides have an iterable of them. */
export function many<C extends AnyCodec>(codec: C): Many<C> {
  return { codec, single: false };
}

/** The {@link Payload} that a direction of a stream's shape comes to. */
export type StreamPayload<P> = P extends Payload ? P : P extends AnyCodec ? Many<P> : Many<Codec<Uint8Array>>;

/** The {@link Payload} that a direction of a request's shape comes to. */
export type RequestPayload<P> =
  P extends One<AnyCodec> ? P : P extends AnyCodec ? One<P> : One<Codec<Uint8Array>>;

/** @param payload bytes if it is left out @param wrap says how many values a codec by itself has */
export function payloadOf(payload: PayloadInit | undefined, wrap: (codec: AnyCodec) => Payload): Payload {
  if (payload === undefined) return wrap(bytes());
  return 'single' in payload ? payload : wrap(payload);
}
