import type { ErrorCode } from '../../errors.ts';
import {
  decodeHandleRequest,
  decodeHandleResponse,
  decodeHealthReport,
  decodeInitialize,
  decodeInitialized,
  decodeIpcError,
  decodeKvChange,
  decodeServiceRequest,
  decodeServiceResponse,
  decodeShutdown,
  type HealthReport,
  type Initialize,
  type Initialized,
  type KvChange,
} from '../../wire/payload-decode.ts';
import type { InvocationContext } from '../../wire/context.ts';
import { FRAME_ARM } from '../../wire/frame.ts';
import { MessageDecoder, type MessageKind } from '../../wire/message-decoder.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import type { Side } from './timeline.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../wire/capnp/limits.ts';

/** The decoded content of a message. */
export type Content =
  | { readonly kind: 'open'; readonly context: InvocationContext; readonly initialCredit: number }
  | { readonly kind: 'data'; readonly data: Uint8Array }
  | { readonly kind: 'credit'; readonly credit: number }
  | { readonly kind: 'progress'; readonly value: Uint8Array }
  | { readonly kind: 'close' }
  | { readonly kind: 'cancel'; readonly reason: string }
  | {
      readonly kind: 'error';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Uint8Array;
    }
  | { readonly kind: 'handle'; readonly context: InvocationContext; readonly body: Uint8Array }
  | { readonly kind: 'handled'; readonly body: Uint8Array }
  | ({ readonly kind: 'initialize' } & Initialize)
  | ({ readonly kind: 'initialized' } & Initialized)
  | { readonly kind: 'health' }
  | ({ readonly kind: 'healthReport' } & HealthReport)
  | { readonly kind: 'shutdown'; readonly drainMs: number }
  | { readonly kind: 'drained' }
  | ({ readonly kind: 'kvChange' } & KvChange)
  | {
      readonly kind: 'serviceRequest';
      readonly service: string;
      readonly method: string;
      readonly body: Uint8Array;
      readonly context: InvocationContext;
    }
  | { readonly kind: 'serviceResponse'; readonly body: Uint8Array }
  /** An answer to a request that nobody made. */
  | { readonly kind: 'response'; readonly body: Uint8Array }
  /** A type or an arm that this version doesn't know, or bytes that can't be read. */
  | { readonly kind: 'unreadable'; readonly why: string };

/** One message, taken apart. The arrays are views on it. */
export interface Message {
  /** Whether it is a frame of the stream `id`, and not a request, an answer or a notification. */
  readonly isFrame: boolean;
  /** The requestId: of a frame its stream's id. */
  readonly id: string;
  /** On the wire. */
  readonly bytes: number;
  readonly content: Content;
}

const LIMITS: WireLimits = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: 1 << 29 };

const FRAME_KINDS: ReadonlySet<MessageKind> = new Set<MessageKind>([
  'streamFrame',
  'unknownArm',
  'malformedFrame',
  'notAStreamId',
]);

/** Takes the messages of one conversation apart, in their order: what a response says depends on its request. */
export class MessageReader {
  readonly #decoder = new MessageDecoder(LIMITS);
  /** The types of the host's requests by requestId. */
  readonly #asked = new Map<string, MessageKind>();

  /** Never throws: what can't be read says why. */
  read(from: Side, bytes: Uint8Array): Message {
    const kind = this.#decoder.decode(bytes);
    const id = this.#decoder.requestId();
    if (from === 'host') this.#asked.set(id, kind);
    return { isFrame: FRAME_KINDS.has(kind), id, bytes: bytes.length, content: this.#content(kind, id) };
  }

  #content(kind: MessageKind, id: string): Content {
    try {
      return this.#readContent(kind, id);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return { kind: 'unreadable', why: error.message };
    }
  }

  #readContent(kind: MessageKind, id: string): Content {
    const payload = this.#decoder.payload();
    switch (kind) {
      case 'streamFrame':
        return this.#frameContent();
      case 'unknownArm':
        return { kind: 'unreadable', why: `frame arm ${this.#decoder.frame.arm} is not known` };
      case 'unknownType':
        return { kind: 'unreadable', why: `message type ${this.#decoder.typeNumber} is not known` };
      case 'malformedEnvelope':
      case 'malformedFrame':
      case 'notAStreamId':
        throw this.#decoder.malformed;
      case 'handle': {
        const { context, body } = decodeHandleRequest(payload);
        return { kind: 'handle', context, body };
      }
      case 'response':
        return this.#response(this.#asked.get(id), payload);
      case 'error': {
        const { code, message, details } = decodeIpcError(payload);
        return { kind: 'error', code, message, details };
      }
      case 'serviceRequest':
        return { kind: 'serviceRequest', ...decodeServiceRequest(payload) };
      case 'serviceResponse':
        return { kind: 'serviceResponse', ...decodeServiceResponse(payload) };
      case 'initialize':
        return { kind: 'initialize', ...decodeInitialize(payload) };
      case 'health':
        return { kind: 'health' };
      case 'shutdown':
        return { kind: 'shutdown', ...decodeShutdown(payload) };
      case 'kvChangeNotification':
        return { kind: 'kvChange', ...decodeKvChange(payload) };
    }
  }

  #response(asked: MessageKind | undefined, payload: Uint8Array): Content {
    switch (asked) {
      case 'initialize':
        return { kind: 'initialized', ...decodeInitialized(payload) };
      case 'health':
        return { kind: 'healthReport', ...decodeHealthReport(payload) };
      case 'shutdown':
        return { kind: 'drained' };
      case 'handle':
        return { kind: 'handled', ...decodeHandleResponse(payload) };
      default:
        return { kind: 'response', body: payload };
    }
  }

  #frameContent(): Content {
    const { bytes, frame } = this.#decoder;
    switch (frame.arm) {
      case FRAME_ARM.open: {
        const { context, initialCredit } = frame.open();
        return { kind: 'open', context, initialCredit };
      }
      case FRAME_ARM.data:
        return { kind: 'data', data: bytes.subarray(frame.dataStart, frame.dataEnd) };
      case FRAME_ARM.progress:
        return { kind: 'progress', value: bytes.subarray(frame.dataStart, frame.dataEnd) };
      case FRAME_ARM.credit:
        return { kind: 'credit', credit: frame.credit };
      case FRAME_ARM.close:
        return { kind: 'close' };
      case FRAME_ARM.cancel:
        return { kind: 'cancel', reason: frame.cancelReason() };
      case FRAME_ARM.error: {
        const { code, message, details } = frame.error();
        return { kind: 'error', code, message, details };
      }
      default:
        return { kind: 'unreadable', why: `frame arm ${frame.arm} is not known` };
    }
  }
}
