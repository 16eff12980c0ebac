import { MalformedError } from '../../wire/capnp/malformed.ts';
import { FRAME_ARM } from '../../wire/frame.ts';
import { MessageDecoder, type MessageKind } from '../../wire/message-decoder.ts';
import type { StreamId } from '../../wire/stream-id.ts';
import type { WireLimits } from '../../wire/capnp/limits.ts';
import type { Requests } from '../calls/requests.ts';
import type { Answers } from '../output/answers.ts';
import type { Lifecycle } from '../process/lifecycle.ts';
import type { Streams } from '../streams/streams.ts';
import type { KeyValues } from '../workers/key-values.ts';
import type { ServiceRoutes } from '../workers/services.ts';

/**
 * The parts of main that messages go to. Payloads are views that are valid during the call only. A part that gets a payload may
 * throw {@link MalformedError}: the request is then answered with `protocolViolation`.
 */
export interface DemuxTargets {
  readonly streams: Pick<Streams, 'onFrame' | 'onMalformed'>;
  readonly requests: Pick<Requests, 'onHandle'>;
  readonly lifecycle: Pick<Lifecycle, 'onInitialize' | 'onShutdown' | 'onHealth'>;
  readonly keyValues: Pick<KeyValues, 'onChange' | 'onMalformed'>;
  readonly services: Pick<ServiceRoutes, 'onAnswer'>;
  readonly answers: Pick<Answers, 'refuse'>;
}

/** Kinds of messages that belong to no stream. */
type RequestKind = Exclude<
  MessageKind,
  'streamFrame' | 'unknownArm' | 'malformedFrame' | 'malformedEnvelope'
>;

/** Sorts whole messages by type; decodes just enough to route. */
export class Demux {
  readonly #decoder: MessageDecoder;
  readonly #targets: DemuxTargets;
  messages = 0;

  constructor(limits: WireLimits, targets: DemuxTargets) {
    this.#decoder = new MessageDecoder(limits);
    this.#targets = targets;
  }

  /**
   * Routes the framed message `bytes[start, end)`.
   *
   * @param isOwn whether `bytes` is the message alone, and may be kept
   * @throws MalformedError for an envelope that can't be decoded, which ends the connection
   */
  route(bytes: Uint8Array, start: number, end: number, isOwn = false): void {
    const decoder = this.#decoder;
    const kind = decoder.decode(bytes, start, end);
    switch (kind) {
      case 'malformedEnvelope':
        throw decoder.malformed;
      case 'streamFrame':
        this.messages++;
        return this.#routeFrame(bytes, isOwn);
      case 'unknownArm':
      case 'malformedFrame':
        this.messages++;
        return this.#targets.streams.onMalformed(decoder.requestId() as StreamId, decoder.malformed);
      default:
        this.messages++;
        return this.#routeRequest(kind);
    }
  }

  #routeFrame(bytes: Uint8Array, isOwn: boolean): void {
    try {
      // Only the module sends it, so from a host it is as any arm that the module doesn't know.
      if (this.#decoder.frame.arm === FRAME_ARM.progress) throw progressOfHost();
      this.#targets.streams.onFrame(this.#decoder.frame, bytes, isOwn);
    } catch (error) {
      // The text of an open, a cancel or an error is read only when it is needed, so it may be found malformed there.
      if (!(error instanceof MalformedError)) throw error;
      this.#targets.streams.onMalformed(this.#decoder.requestId() as StreamId, error);
    }
  }

  #routeRequest(kind: RequestKind): void {
    const decoder = this.#decoder;
    const requestId = decoder.requestId();
    if (requestId === '' && kind !== 'kvChangeNotification') throw emptyRequestId(kind);
    const payload = decoder.payload();
    const { requests, lifecycle, keyValues, services, answers } = this.#targets;
    try {
      switch (kind) {
        case 'handle':
          return requests.onHandle(requestId, payload);
        case 'initialize':
          return lifecycle.onInitialize(requestId, payload);
        case 'shutdown':
          return lifecycle.onShutdown(requestId, payload);
        case 'health':
          return lifecycle.onHealth(requestId, payload);
        case 'kvChangeNotification':
          return keyValues.onChange(payload);
        case 'serviceResponse':
          return services.onAnswer(requestId, true, payload);
        case 'error':
          return services.onAnswer(requestId, false, payload);
        case 'response':
        case 'serviceRequest':
          return answers.refuse(requestId, 'protocolViolation', `only the module sends ${kind} messages`);
        case 'notAStreamId':
          return answers.refuse(requestId, 'protocolViolation', decoder.malformed.message);
        case 'unknownType': {
          const message = `message type ${decoder.typeNumber} is not known to this module`;
          return answers.refuse(requestId, 'unimplemented', message);
        }
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // Only a key-value change may have no id, and an error without one would say that the connection ends.
      if (requestId === '') return keyValues.onMalformed(error);
      // Of a notification or an answer nobody waits for the outcome; the host still learns what was wrong.
      answers.refuse(requestId, 'protocolViolation', `the ${kind} payload is malformed: ${error.message}`);
    }
  }
}

function progressOfHost(): MalformedError {
  return new MalformedError('union-arm', 'StreamFrame', 'progress comes from a module only');
}

function emptyRequestId(kind: RequestKind): MalformedError {
  const type = kind === 'notAStreamId' ? 'streamFrame' : kind;
  const ofType = kind === 'unknownType' ? 'no known type' : `type ${type}`;
  return new MalformedError('request-id', 'IpcEnvelope.requestId', `it is empty in a message of ${ofType}`);
}
