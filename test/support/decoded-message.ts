import type { ErrorFields } from '../../src/wire/error-payload.ts';
import { EnvelopeDecoder } from '../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder, type OpenFields } from '../../src/wire/frame.ts';
import { messageTypeFromNumber, type MessageType } from '../../src/wire/message-type.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

/** A stream frame, taken apart. */
export type DecodedFrame =
  | ({ readonly arm: 'open' } & OpenFields)
  | { readonly arm: 'data'; readonly data: Uint8Array }
  | { readonly arm: 'progress'; readonly value: Uint8Array }
  | { readonly arm: 'credit'; readonly bytes: number }
  | { readonly arm: 'close' }
  | { readonly arm: 'cancel'; readonly reason: string }
  | ({ readonly arm: 'error' } & ErrorFields);

/** One message, either direction, with copies of all its bytes. */
export interface DecodedMessage {
  readonly type: MessageType;
  readonly requestId: string;
  readonly payload: Uint8Array;
  /** Of a `streamFrame` only. */
  readonly frame?: DecodedFrame;
}

const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);

/** Decodes the whole message `bytes`; throws what the codec throws, and for a type or arm that doesn't exist. */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  envelope.decode(bytes, 0, bytes.length);
  const type = messageTypeFromNumber(envelope.typeNumber);
  if (type === undefined) throw new Error(`message type ${envelope.typeNumber}`);
  const message = { type, requestId: envelope.requestId(), payload: Uint8Array.from(envelope.payload()) };
  return type === 'streamFrame' ? { ...message, frame: decodeFrame(message.payload) } : message;
}

function decodeFrame(payload: Uint8Array): DecodedFrame {
  frame.decode(payload, 0, payload.length);
  switch (frame.arm) {
    case FRAME_ARM.open:
      return { arm: 'open', ...frame.open() };
    case FRAME_ARM.data:
      return { arm: 'data', data: payload.slice(frame.dataStart, frame.dataEnd) };
    case FRAME_ARM.progress:
      return { arm: 'progress', value: payload.slice(frame.dataStart, frame.dataEnd) };
    case FRAME_ARM.credit:
      return { arm: 'credit', bytes: frame.credit };
    case FRAME_ARM.close:
      return { arm: 'close' };
    case FRAME_ARM.cancel:
      return { arm: 'cancel', reason: frame.cancelReason() };
    case FRAME_ARM.error:
      return { arm: 'error', ...frame.error() };
    default:
      throw new Error(`frame arm ${frame.arm}`);
  }
}

/** One line about a message, for a person who looks at a failed test. Never throws. */
export function describeMessage(bytes: Uint8Array): string {
  try {
    const message = decodeMessage(bytes);
    const what =
      message.frame === undefined ? `${message.payload.length} bytes` : describeFrame(message.frame);
    return `${message.type} ${message.requestId === '' ? '(no id)' : message.requestId} ${what}`;
  } catch (error) {
    return `${bytes.length} bytes that can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function describeFrame(of: DecodedFrame): string {
  switch (of.arm) {
    case 'open':
      return `open ${of.context.method}, credit ${of.initialCredit}`;
    case 'data':
      return `data ${of.data.length}: ${Buffer.from(of.data.subarray(0, 16)).toString('hex')}`;
    case 'progress':
      return `progress ${of.value.length}: ${Buffer.from(of.value.subarray(0, 64)).toString()}`;
    case 'credit':
      return `credit ${of.bytes}`;
    case 'close':
      return 'close';
    case 'cancel':
      return `cancel ${JSON.stringify(of.reason)}`;
    case 'error':
      return `error ${of.code} ${JSON.stringify(of.message)}`;
  }
}
