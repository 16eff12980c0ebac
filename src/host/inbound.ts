import { withoutRest } from '../base/buffers.ts';
import { ChunkWeight } from '../base/chunk-weight.ts';
import { ModuleError } from '../errors.ts';
import { decodeIpcError } from '../wire/payload-decode.ts';
import { FRAME_ARM, type ErrorFields } from '../wire/frame.ts';
import { MAX_PROGRESS_BYTES } from '../wire/flow-limits.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { MessageDecoder } from '../wire/message-decoder.ts';
import { parseStreamId, streamIdFromWords } from '../wire/stream-id.ts';
import type { StreamTable } from '../wire/stream-table.ts';
import { causedBy, type ViolationKind } from './contract-violation.ts';
import { EndedIds } from './ended-ids.ts';
import type { LiveStream } from './streams/host-stream.ts';
import { PayloadPool } from './payload-pool.ts';
import type { PendingCalls } from './pending-calls.ts';
import type { WireLimits } from '../wire/capnp/limits.ts';

/** The events that a module's messages cause, beside those of streams and pending calls. */
export interface InboundEvents {
  /** The module broke the contract, but the connection can go on. */
  onViolation(kind: ViolationKind, requestId: string, message: string, cause?: unknown): void;
  /** As `onViolation`, if the rest of the input can't be understood any more. */
  onFatal(kind: ViolationKind, requestId: string, message: string, cause?: unknown): void;
  /** The module gives up the connection. It said so by an error with an empty request id. */
  onConnectionError(error: ModuleError): void;
  /** An answer has settled its call. */
  onAnswered(requestId: string, type: 'response' | 'error'): void;
  /** `payload` is valid during the call only. Throws a MalformedError if it can't be read. */
  onServiceRequest(requestId: string, payload: Uint8Array): void;
}

/** Decodes whole messages from the module and gives each to the stream or call that it belongs to. */
export class HostDemux {
  readonly #streams: StreamTable<LiveStream>;
  readonly #ended = new EndedIds();
  readonly #calls: PendingCalls;
  readonly #events: InboundEvents;
  readonly #decoder: MessageDecoder;
  readonly #payloads = new PayloadPool();
  readonly #weight = new ChunkWeight();

  constructor(
    limits: WireLimits,
    streams: StreamTable<LiveStream>,
    calls: PendingCalls,
    events: InboundEvents,
  ) {
    this.#streams = streams;
    this.#calls = calls;
    this.#events = events;
    this.#decoder = new MessageDecoder(limits);
  }

  /** Receives one whole message: `bytes` from `start` to `end`, valid during the call only, unless they are `isOwn`. */
  recv(bytes: Uint8Array, start: number, end: number, isOwn = false): void {
    const decoder = this.#decoder;
    const kind = decoder.decode(bytes, start, end);
    switch (kind) {
      case 'streamFrame':
      case 'unknownArm':
        return this.#routeFrame(bytes, isOwn);
      case 'malformedFrame':
      case 'notAStreamId':
        return this.#badFrame(decoder.malformed.message, decoder.malformed);
      case 'response':
        return this.#recvResponse();
      case 'error':
        return this.#recvError();
      case 'serviceRequest':
        return this.#recvServiceRequest();
      case 'malformedEnvelope':
        return this.#events.onFatal('envelope', '', decoder.malformed.message, decoder.malformed);
      default: {
        const type = kind === 'unknownType' ? `number ${decoder.typeNumber}` : kind;
        this.#events.onViolation('wrongDirection', decoder.requestId(), `A message of type ${type}.`);
      }
    }
  }

  /** Gives the frame that was just decoded to its stream. */
  #routeFrame(bytes: Uint8Array, isOwn: boolean): void {
    const { frame } = this.#decoder;
    const stream = this.#streams.find(frame);
    if (stream === undefined) {
      this.#strayFrame();
      return;
    }
    switch (frame.arm) {
      case FRAME_ARM.data: {
        const { dataStart: start, dataEnd: end } = frame;
        // A large frame's buffer is nearly all payload, so the stream can keep it.
        const payload = isOwn
          ? withoutRest(bytes.subarray(start, end))
          : this.#payloads.copy(bytes, start, end);
        this.#weight.add(payload.length);
        const breach = stream.recvData(payload);
        if (breach !== undefined) this.#rejectStream(stream, 'flowControl', breach);
        return;
      }
      case FRAME_ARM.credit:
        if (!stream.recvCredit(frame.credit)) {
          this.#rejectStream(stream, 'overGrant', `A grant of ${frame.credit} bytes beyond what was sent.`);
        }
        return;
      case FRAME_ARM.progress: {
        const length = frame.dataEnd - frame.dataStart;
        if (length > MAX_PROGRESS_BYTES) this.#badFrame(`Progress of ${length} bytes.`);
        else if (stream.takesProgress)
          stream.recvProgress(this.#payloads.copy(bytes, frame.dataStart, frame.dataEnd));
        return;
      }
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
      error = toModuleError(this.#decoder.frame.error());
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
    const { id0, id1, id2, id3, arm } = this.#decoder.frame;
    const ended = this.#ended.has(this.#decoder.frame);
    this.#events.onViolation(
      ended ? 'afterTerminal' : 'unknownStream',
      streamIdFromWords(id0, id1, id2, id3),
      arm === FRAME_ARM.error ? `Arm ${arm}, an error of code ${this.#errorCode()}.` : `Arm ${arm}.`,
    );
  }

  /** The code of the frame's error, for a person. It may be unreadable, because nobody has decoded it yet. */
  #errorCode(): string {
    try {
      return this.#decoder.frame.error().code;
    } catch (cause) {
      return `that can't be read (${textOfMalformed(cause)})`;
    }
  }

  #badFrame(message: string, cause?: unknown): void {
    const requestId = this.#decoder.requestId();
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

  #recvResponse(): void {
    const requestId = this.#decoder.requestId();
    const payload = this.#decoder.payload().slice();
    if (this.#calls.resolve(requestId, payload)) this.#events.onAnswered(requestId, 'response');
    else this.#events.onViolation('unknownAnswer', requestId, 'A response to no pending request.');
  }

  #recvError(): void {
    const requestId = this.#decoder.requestId();
    let error: ModuleError;
    try {
      error = toModuleError(decodeIpcError(this.#decoder.payload()));
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
    else {
      this.#events.onViolation(
        'unknownAnswer',
        requestId,
        `An error of code ${error.code} to no pending request: ${error.message}`,
      );
    }
  }

  #recvServiceRequest(): void {
    const requestId = this.#decoder.requestId();
    if (requestId === '') {
      this.#events.onViolation('malformedAnswer', '', 'A service request with an empty id.');
      return;
    }
    try {
      this.#events.onServiceRequest(requestId, this.#decoder.payload());
    } catch (cause) {
      this.#events.onViolation('malformedAnswer', requestId, textOfMalformed(cause), cause);
    }
  }
}

function toModuleError(fields: ErrorFields): ModuleError {
  return new ModuleError(fields.code, fields.message, { details: Uint8Array.from(fields.details) });
}

/** The text of a MalformedError. Any other error is thrown again, because it is a bug of ours and not the module's fault. */
function textOfMalformed(cause: unknown): string {
  if (cause instanceof MalformedError) return cause.message;
  throw cause;
}
