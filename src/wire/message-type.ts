/**
 * The types of an envelope.
 *
 * A type's position is its number in `IpcEnvelope.MessageType` of `schema/ipc.capnp`; hosts compile against those numbers, so
 * the order is fixed and types are only ever appended.
 */
export const MESSAGE_TYPES = [
  'handle',
  'response',
  'error',
  'serviceRequest',
  'serviceResponse',
  'initialize',
  'health',
  'shutdown',
  'kvChangeNotification',
  'streamFrame',
] as const;

/** The name of a message type, as the schema spells it. */
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** The number of each type, for a switch on `EnvelopeDecoder.typeNumber`. */
export const MESSAGE_TYPE = {
  handle: 0,
  response: 1,
  error: 2,
  serviceRequest: 3,
  serviceResponse: 4,
  initialize: 5,
  health: 6,
  shutdown: 7,
  kvChangeNotification: 8,
  streamFrame: 9,
} as const satisfies { readonly [K in MessageType]: number };

/** The type with that number; `undefined` for one that this version doesn't know, which is never taken for another. */
export function messageTypeFromNumber(value: number): MessageType | undefined {
  return MESSAGE_TYPES[value];
}
