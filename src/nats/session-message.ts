/**
 * The messages of a session between a client and a node: a header of 24 bytes, little-endian, and a body.
 *
 * | bytes | field                                                                               |
 * | ----- | ----------------------------------------------------------------------------------- |
 * | 0     | kind: 1 data, 2 beat, 3 bye, 4 claim                                                 |
 * | 1     | flags: 1, please send again from `ack` + 1 on; 2, please answer                      |
 * | 2–3   | version: 1                                                                           |
 * | 4–7   | claim: how many places lie at the start of the body, 32 bytes each                   |
 * | 8–15  | seq. data, claim: the message's number, from 1; beat, bye: the last number sent      |
 * | 16–23 | ack: the last number received in order                                               |
 *
 * The body of data, and of a claim behind its places, is bytes of the pipe's protocol, cut anywhere. That of a bye is its
 * reason in UTF-8. A beat has none.
 */
export const HEADER_BYTES = 24;

export const VERSION = 1;

export const KIND = { data: 1, beat: 2, bye: 3, claim: 4 } as const;

/** The flag that asks the other side to send again. */
export const SEND_AGAIN = 1;
/** The flag of a beat that the other side must answer, by whatever it sends next. */
export const ANSWER = 2;

/** The text of one place in a claim: 128 bits in hex. */
export const PLACE_BYTES = 32;

/** The fields of a header. */
export interface SessionHeader {
  readonly kind: number;
  readonly flags: number;
  readonly version: number;
  readonly places: number;
  readonly seq: number;
  readonly ack: number;
}

/** Writes a header over the first {@link HEADER_BYTES} of `message`. */
export function writeHeader(
  message: Uint8Array,
  { kind, flags, places, seq, ack }: Omit<SessionHeader, 'version'>,
): void {
  const view = viewOf(message);
  view.setUint8(0, kind);
  view.setUint8(1, flags);
  view.setUint16(2, VERSION, true);
  view.setUint32(4, places, true);
  setNumber(view, 8, seq);
  setNumber(view, 16, ack);
}

/** The header of `message`; undefined where it is shorter than one, or its places don't lie within it. */
export function readHeader(message: Uint8Array): SessionHeader | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const view = viewOf(message);
  const places = view.getUint32(4, true);
  if (HEADER_BYTES + places * PLACE_BYTES > message.length) return undefined;
  return {
    kind: view.getUint8(0),
    flags: view.getUint8(1),
    version: view.getUint16(2, true),
    places,
    seq: getNumber(view, 8),
    ack: getNumber(view, 16),
  };
}

/** A message without anything that must arrive: a beat or a bye. */
export function controlMessage(
  kind: typeof KIND.beat | typeof KIND.bye,
  { flags = 0, seq, ack }: { readonly flags?: number; readonly seq: number; readonly ack: number },
  text = '',
): Uint8Array {
  const body = new TextEncoder().encode(text);
  const message = new Uint8Array(HEADER_BYTES + body.length);
  writeHeader(message, { kind, flags, places: 0, seq, ack });
  message.set(body, HEADER_BYTES);
  return message;
}

/** The reason that a bye gives. */
export function byeText(message: Uint8Array): string {
  return new TextDecoder().decode(message.subarray(HEADER_BYTES, HEADER_BYTES + 4_096));
}

/** The places that a claim of `count` begins with. */
export function placesOf(message: Uint8Array, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const at = HEADER_BYTES + index * PLACE_BYTES;
    return String.fromCharCode(...message.subarray(at, at + PLACE_BYTES));
  });
}

function viewOf(message: Uint8Array): DataView {
  return new DataView(message.buffer, message.byteOffset, HEADER_BYTES);
}

/** As two halves: a message a microsecond would take 285 years to reach 2^53, and BigInt costs more than all else here. */
function setNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function getNumber(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
