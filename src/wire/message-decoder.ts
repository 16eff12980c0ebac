import { DataFastPath } from './data-fast-path.ts';
import { EMPTY_PAYLOAD, EnvelopeDecoder } from './envelope.ts';
import { FrameDecoder, type Frame } from './frame.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from './capnp/limits.ts';
import { MalformedError } from './capnp/malformed.ts';
import { viewOf } from './capnp/reader.ts';
import { MESSAGE_TYPE, messageTypeFromNumber, type MessageType } from './message-type.ts';
import { isStreamIdText, streamIdFromWords } from './stream-id.ts';

/**
 * The kind of a message: its type if it is sound, and otherwise what is wrong with it.
 *
 * A sound `streamFrame` has an arm that this version knows, and the id of its envelope: read `frame`. Of the other types the
 * envelope is sound, and the payload not looked at: read `requestId()` and `payload()`.
 */
export type MessageKind =
  | MessageType
  /** A frame that is sound but for its arm, which a newer peer may know: `frame` has the id and the number of the arm. */
  | 'unknownArm'
  /** A frame of one stream that can't be read, or that names another stream than its envelope: `malformed` says why. */
  | 'malformedFrame'
  /** A `streamFrame` whose requestId is not 32 lower-case hex digits, perhaps empty: it belongs to no stream. */
  | 'notAStreamId'
  /** A type that this version doesn't know: read `typeNumber`, `requestId()` and `payload()`. */
  | 'unknownType'
  /** Not even the envelope can be read, so the rest of the connection makes no sense: `malformed` says why. */
  | 'malformedEnvelope';

/**
 * Takes whole messages apart, one after the other, with every check of the protocol page that does not depend on who sent
 * them: the envelope, for a `streamFrame` the nested frame, and that both name the same stream.
 *
 * Payloads of other types are left alone: the functions `decode…` read them. Nearly all traffic is Data in the layout that
 * encoders write, which is recognised without decoding; in that case, and for every other frame of one segment without a
 * text, nothing is allocated.
 */
export class MessageDecoder {
  /**
   * The frame of the last message, for the kinds `streamFrame` and `unknownArm`. It is the same
   * object for every message.
   */
  readonly frame: Frame;
  /** The bytes that were given to {@link decode}; the offsets of `frame` are into them. */
  bytes: Uint8Array = EMPTY_PAYLOAD;
  /** The kind of the last message. */
  kind: MessageKind = 'malformedEnvelope';
  /** The same object as `frame`. */
  readonly #frame: FrameDecoder;
  readonly #envelope: EnvelopeDecoder;
  readonly #fastPath = new DataFastPath();
  /** The envelope was not decoded, because the message is Data in the usual layout. */
  #isUsualData = false;

  /** Set for the kinds `malformedEnvelope` and `malformedFrame`. */
  #error: MalformedError | undefined;

  constructor(limits: WireLimits = DEFAULT_WIRE_LIMITS) {
    this.#envelope = new EnvelopeDecoder(limits);
    this.frame = this.#frame = new FrameDecoder(limits);
  }

  /**
   * Reads the framed message `bytes[start, end)`. All that this object says is of that message, until the next call, and only
   * as long as `bytes` stay as they are.
   *
   * Never throws because of what is in `bytes`: what is wrong with them is a kind, too.
   */
  decode(bytes: Uint8Array, start = 0, end: number = bytes.length): MessageKind {
    this.bytes = bytes;
    this.#isUsualData = this.#fastPath.match(this.#frame, bytes, start, end);
    return (this.kind = this.#isUsualData ? 'streamFrame' : this.#decodeAny(bytes, start, end));
  }

  /** The number of the message's type as it came (UInt16); 0 for a `malformedEnvelope`. */
  get typeNumber(): number {
    if (this.#isUsualData) return MESSAGE_TYPE.streamFrame;
    return this.kind === 'malformedEnvelope' ? 0 : this.#envelope.typeNumber;
  }

  /**
   * The requestId, as a new string for each call; empty for a `malformedEnvelope`. It may be empty for other kinds, too: the
   * protocol page says for which types that is allowed, and that depends on who sent the message.
   */
  requestId(): string {
    if (this.#isUsualData) {
      const { id0, id1, id2, id3 } = this.frame;
      return streamIdFromWords(id0, id1, id2, id3);
    }
    return this.kind === 'malformedEnvelope' ? '' : this.#envelope.requestId();
  }

  /** The payload, itself a framed message or empty, as a view on `bytes`; empty for a `malformedEnvelope`. */
  payload(): Uint8Array {
    if (this.#isUsualData) return viewOf(this.bytes, this.frame.start, this.frame.end);
    if (this.kind === 'malformedEnvelope') return EMPTY_PAYLOAD;
    return this.#envelope.payload();
  }

  /**
   * The fault, for the kinds `malformedEnvelope`, `malformedFrame`, `notAStreamId` and `unknownArm`.
   *
   * @throws Error for the other kinds, with which nothing is wrong
   */
  get malformed(): MalformedError {
    switch (this.kind) {
      case 'notAStreamId':
        return new MalformedError('request-id', 'IpcEnvelope.requestId', NOT_A_STREAM_ID);
      case 'unknownArm':
        return new MalformedError('union-arm', 'StreamFrame', `arm ${this.frame.arm} is not known`);
      case 'malformedEnvelope':
      case 'malformedFrame':
        if (this.#error !== undefined) return this.#error;
        throw new Error('Nothing is malformed: no message has been decoded yet.');
      default:
        throw new Error(`Nothing is malformed in a message of kind ${this.kind}.`);
    }
  }

  #decodeAny(bytes: Uint8Array, start: number, end: number): MessageKind {
    const envelope = this.#envelope;
    this.#error = undefined;
    try {
      envelope.decode(bytes, start, end);
    } catch (error) {
      this.#error = asMalformed(error);
      return 'malformedEnvelope';
    }
    if (envelope.typeNumber === MESSAGE_TYPE.streamFrame) return this.#decodeFrame(bytes);
    return messageTypeFromNumber(envelope.typeNumber) ?? 'unknownType';
  }

  #decodeFrame(bytes: Uint8Array): MessageKind {
    const { requestIdStart, requestIdEnd, payloadStart, payloadEnd } = this.#envelope;
    if (!isStreamIdText(bytes, requestIdStart, requestIdEnd)) return 'notAStreamId';
    const frame = this.#frame;
    try {
      frame.decode(bytes, payloadStart, payloadEnd);
    } catch (error) {
      this.#error = asMalformed(error);
      return 'malformedFrame';
    }
    if (!frame.idMatches(bytes, requestIdStart)) {
      this.#error = new MalformedError('id-mismatch', 'StreamFrame.streamId', OTHER_ID);
      return 'malformedFrame';
    }
    return frame.isKnownArm ? 'streamFrame' : 'unknownArm';
  }
}

const NOT_A_STREAM_ID = 'in a streamFrame it is 32 lower-case hex digits';
const OTHER_ID = 'the frame says another id than its envelope';

/** Only what is in the bytes is the peer's doing: any other error is a bug of ours and stays one. */
function asMalformed(error: unknown): MalformedError {
  if (error instanceof MalformedError) return error;
  throw error;
}
