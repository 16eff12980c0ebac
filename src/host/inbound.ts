import { ModuleError } from '../errors.ts';
import { decodeIpcError } from '../wire/payload-decode.ts';
import { EnvelopeDecoder } from '../wire/envelope.ts';
import { FRAME_ARM, FrameDecoder, type ErrorFields } from '../wire/frame.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { MESSAGE_TYPE, messageTypeFromNumber } from '../wire/message-type.ts';
import { isStreamIdText, parseStreamId, streamIdFromWords } from '../wire/stream-id.ts';
import { UsualData } from '../wire/data-fast-path.ts';
import type { StreamTable } from '../wire/stream-table.ts';
import { causedBy, type ViolationKind } from './contract-violation.ts';
import { EndedIds } from './ended-ids.ts';
import type { LiveStream } from './streams/host-stream.ts';
import { PayloadPool } from './payload-pool.ts';
import type { PendingCalls } from './pending-calls.ts';
import type { WireLimits } from '../wire/capnp/limits.ts';

/** What the messages of a module lead to, beside streams and pending calls. */
export interface InboundEvents {
  /** The module broke the contract; the connection can go on. */
  onViolation(kind: ViolationKind, requestId: string, message: string, cause?: unknown): void;
  /** As `onViolation`, where the rest of the input makes no sense any more. */
  onFatal(kind: ViolationKind, requestId: string, message: string, cause?: unknown): void;
  /** The module gives up the connection: an error with an empty request id. */
  onConnectionError(error: ModuleError): void;
  /** An answer has settled its call. */
  onAnswered(requestId: string, type: 'response' | 'error'): void;
  /** `payload` is valid during the call only. Throws a MalformedError for one that can't be read. */
  onServiceRequest(requestId: string, payload: Uint8Array): void;
  /** Frames were written by hand, so the module may answer what no stream or call of ours knows with `protocolViolation`. */
  readonly rawSent: boolean;
}

/** Takes whole messages from the module apart and gives each to the stream or call that it belongs to. */
export class Inbound {
  readonly #streams: StreamTable<LiveStream>;
  readonly #ended = new EndedIds();
  readonly #calls: PendingCalls;
  readonly #events: InboundEvents;
  readonly #envelope: EnvelopeDecoder;
  readonly #frame: FrameDecoder;
  readonly #usual = new UsualData();
  readonly #payloads = new PayloadPool();

  constructor(
    limits: WireLimits,
    streams: StreamTable<LiveStream>,
    calls: PendingCalls,
    events: InboundEvents,
  ) {
    this.#streams = streams;
    this.#calls = calls;
    this.#events = events;
    this.#envelope = new EnvelopeDecoder(limits);
    this.#frame = new FrameDecoder(limits);
  }

  /** One whole message: `bytes` from `start` to `end`, valid during the call only. */
  recv(bytes: Uint8Array, start: number, end: number): void {
    const envelope = this.#envelope;
    if (this.#usual.recognise(this.#frame, bytes, start, end)) {
      this.#routeFrame(bytes);
      return;
    }
    try {
      envelope.decode(bytes, start, end);
    } catch (cause) {
      this.#events.onFatal('envelope', '', textOfMalformed(cause), cause);
      return;
    }
    switch (envelope.typeNumber) {
      case MESSAGE_TYPE.streamFrame:
        this.#recvFrame();
        return;
      case MESSAGE_TYPE.response:
      case MESSAGE_TYPE.error:
        this.#recvAnswer();
        return;
      case MESSAGE_TYPE.serviceRequest:
        this.#recvServiceRequest();
        return;
      default: {
        const type = messageTypeFromNumber(envelope.typeNumber) ?? `number ${envelope.typeNumber}`;
        this.#events.onViolation('wrongDirection', envelope.requestId(), `A message of type ${type}.`);
      }
    }
  }

  #recvFrame(): void {
    const { bytes, requestIdStart, requestIdEnd, payloadStart, payloadEnd } = this.#envelope;
    const frame = this.#frame;
    if (!isStreamIdText(bytes, requestIdStart, requestIdEnd)) {
      this.#badFrame('The request id is no stream id.');
      return;
    }
    try {
      frame.decode(bytes, payloadStart, payloadEnd);
    } catch (cause) {
      this.#badFrame(textOfMalformed(cause), cause);
      return;
    }
    if (!frame.idMatches(bytes, requestIdStart)) {
      this.#badFrame('The frame and its envelope name two ids.');
      return;
    }
    this.#routeFrame(bytes);
  }

  /** Gives the frame, as it is decoded, to its stream. */
  #routeFrame(bytes: Uint8Array): void {
    const frame = this.#frame;
    const stream = this.#streams.find(frame);
    if (stream === undefined) {
      this.#strayFrame();
      return;
    }
    switch (frame.arm) {
      case FRAME_ARM.data: {
        const payload = this.#payloads.copy(bytes, frame.dataStart, frame.dataEnd);
        const breach = stream.recvData(payload);
        if (breach !== undefined) this.#rejectStream(stream, 'flowControl', breach);
        return;
      }
      case FRAME_ARM.credit:
        if (!stream.recvCredit(frame.credit)) {
          this.#rejectStream(stream, 'overGrant', `A grant of ${frame.credit} bytes beyond what was sent.`);
        }
        return;
      case FRAME_ARM.close:
        this.#end(stream);
        stream.recvClose();
        return;
      case FRAME_ARM.error:
        this.#recvStreamError(stream);
        return;
      default:
        this.#badFrame(`Arm ${frame.arm} of a frame comes from a host only.`);
    }
  }

  #recvStreamError(stream: LiveStream): void {
    let error: ModuleError;
    try {
      error = toModuleError(this.#frame.error());
    } catch (cause) {
      this.#badFrame(textOfMalformed(cause), cause);
      return;
    }
    this.#end(stream);
    stream.recvError(error);
  }

  #end(stream: LiveStream): void {
    this.#streams.delete(stream);
    this.#ended.add(stream);
  }

  #strayFrame(): void {
    const { id0, id1, id2, id3, arm } = this.#frame;
    if (this.#events.rawSent && arm === FRAME_ARM.error && this.#frame.error().code === 'protocolViolation')
      return;
    const ended = this.#ended.has(this.#frame);
    this.#events.onViolation(
      ended ? 'afterTerminal' : 'unknownStream',
      streamIdFromWords(id0, id1, id2, id3),
      `Arm ${arm}.`,
    );
  }

  #badFrame(message: string, cause?: unknown): void {
    const requestId = this.#envelope.requestId();
    const id = parseStreamId(requestId);
    const stream = id === undefined ? undefined : this.#streams.get(id);
    if (stream === undefined) this.#events.onViolation('frame', requestId, message, cause);
    else this.#rejectStream(stream, 'frame', message, cause);
  }

  #rejectStream(stream: LiveStream, kind: ViolationKind, message: string, cause?: unknown): void {
    const code = kind === 'frame' ? 'protocolViolation' : 'flowControlViolation';
    stream.reject(new ModuleError(code, message, causedBy(cause)));
    this.#events.onViolation(kind, stream.id, message, cause);
  }

  #recvAnswer(): void {
    const envelope = this.#envelope;
    const requestId = envelope.requestId();
    if (envelope.typeNumber === MESSAGE_TYPE.response) {
      const payload = envelope.bytes.slice(envelope.payloadStart, envelope.payloadEnd);
      if (this.#calls.resolve(requestId, payload)) this.#events.onAnswered(requestId, 'response');
      else this.#events.onViolation('unknownAnswer', requestId, 'A response to no pending request.');
      return;
    }
    let error: ModuleError;
    try {
      error = toModuleError(decodeIpcError(envelope.payload()));
    } catch (cause) {
      this.#events.onViolation('malformedAnswer', requestId, textOfMalformed(cause), cause);
      this.#calls.reject(
        requestId,
        new ModuleError('protocolViolation', 'The error answer can not be read.'),
      );
      return;
    }
    if (requestId === '') this.#events.onConnectionError(error);
    else if (this.#calls.reject(requestId, error)) this.#events.onAnswered(requestId, 'error');
    else if (!(this.#events.rawSent && error.code === 'protocolViolation')) {
      this.#events.onViolation(
        'unknownAnswer',
        requestId,
        `An error to no pending request: ${error.message}`,
      );
    }
  }

  #recvServiceRequest(): void {
    const requestId = this.#envelope.requestId();
    if (requestId === '') {
      this.#events.onViolation('malformedAnswer', '', 'A service request with an empty id.');
      return;
    }
    try {
      this.#events.onServiceRequest(requestId, this.#envelope.payload());
    } catch (cause) {
      this.#events.onViolation('malformedAnswer', requestId, textOfMalformed(cause), cause);
    }
  }
}

function toModuleError(fields: ErrorFields): ModuleError {
  return new ModuleError(fields.code, fields.message, { details: Uint8Array.from(fields.details) });
}

/** Only what the module sent may count as its fault; anything else is a bug of ours and stays one. */
function textOfMalformed(cause: unknown): string {
  if (cause instanceof MalformedError) return cause.message;
  throw cause;
}
