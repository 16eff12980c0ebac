/**
 * The wire by itself, for a relay, a proxy, a recorder, or a host of another kind: cut a byte stream into messages, take them
 * apart, and make new ones. Pure code: nothing here knows a process, a descriptor or a clock.
 */
export { ERROR_CODES, type ErrorCode, type ErrorReport } from '../errors.ts';
export { Framer, type MakeBuffer, type OnMessage } from './capnp/framer.ts';
export { DEFAULT_WIRE_LIMITS, type WireLimits } from './capnp/limits.ts';
export { MalformedError, type MalformedKind } from './capnp/malformed.ts';
export type { ContextHead, InvocationContext, InvocationContextInit } from './context.ts';
export { GrantBatch, grantFits, ReceiveWindow } from './credit.ts';
export { EMPTY_PAYLOAD, encodeEnvelope } from './envelope.ts';
export { encodeIpcError } from './error-payload.ts';
export {
  dataCost,
  INITIAL_CREDIT,
  MAX_CREDIT,
  MAX_DATA_BYTES,
  MAX_PROGRESS_BYTES,
  MAX_REQUEST_ID_BYTES,
  MIN_DATA_COST,
  PROTOCOL_VERSION,
} from './flow-limits.ts';
export { FrameEncoder } from './frame-encoder.ts';
export { FRAME_ARM, type ErrorFields, type Frame, type OpenFields, type OpenHead } from './frame.ts';
export { MessageDecoder, type MessageKind } from './message-decoder.ts';
export {
  METHOD_KINDS,
  METHOD_MODES,
  type MethodInfo,
  type MethodInfoInit,
  type MethodKind,
  type MethodMode,
  type PayloadInfo,
} from './method-info.ts';
export { MESSAGE_TYPE, MESSAGE_TYPES, messageTypeFromNumber, type MessageType } from './message-type.ts';
export * from './payload-decode.ts';
export * from './payload-encode.ts';
export { parseStreamId, streamIdFromWords, streamIdWords, type IdWords, type StreamId } from './stream-id.ts';
