import { EnvelopeDecoder } from '../../wire/envelope.ts';
import { FrameDecoder } from '../../wire/frame.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import { messageTypeFromNumber, MESSAGE_TYPE } from '../../wire/message-type.ts';
import { isStreamIdText, type StreamId } from '../../wire/stream-id.ts';
import { UsualData } from '../../wire/data-fast-path.ts';
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

/** Sorts whole messages by type; decodes just enough to route. */
export class Demux {
  readonly #envelope: EnvelopeDecoder;
  readonly #frame: FrameDecoder;
  readonly #usual = new UsualData();
  readonly #targets: DemuxTargets;
  messages = 0;

  constructor(limits: WireLimits, targets: DemuxTargets) {
    this.#envelope = new EnvelopeDecoder(limits);
    this.#frame = new FrameDecoder(limits);
    this.#targets = targets;
  }

  /**
   * Routes the framed message `bytes[start, end)`.
   *
   * @throws MalformedError for an envelope that can't be decoded, which ends the connection
   */
  route(bytes: Uint8Array, start: number, end: number): void {
    const envelope = this.#envelope;
    if (this.#usual.recognise(this.#frame, bytes, start, end)) {
      this.messages++;
      return this.#targets.streams.onFrame(this.#frame, bytes);
    }
    envelope.decode(bytes, start, end);
    this.messages++;
    if (envelope.typeNumber === MESSAGE_TYPE.streamFrame) return this.#routeFrame();
    const type = messageTypeFromNumber(envelope.typeNumber);
    if (envelope.requestIdStart === envelope.requestIdEnd && type !== 'kvChangeNotification') {
      throw new MalformedError(
        'request-id',
        'IpcEnvelope.requestId',
        type === undefined
          ? 'it is empty in a message of no known type'
          : `it is empty in a message of type ${type}`,
      );
    }
    const requestId = envelope.requestId();
    const payload = envelope.payload();
    const { requests, lifecycle, keyValues, services, answers } = this.#targets;
    if (type === undefined) {
      const message = `message type ${envelope.typeNumber} is not known to this module`;
      return answers.refuse(requestId, 'unimplemented', message);
    }
    try {
      switch (type) {
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
          return answers.refuse(requestId, 'protocolViolation', `only the module sends ${type} messages`);
        case 'streamFrame':
          return;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // Only a key-value change may have no id, and an error without one would say that the connection ends.
      if (requestId === '') return keyValues.onMalformed(error);
      // Of a notification or an answer nobody waits for the outcome; the host still learns what was wrong.
      answers.refuse(requestId, 'protocolViolation', `the ${type} payload is malformed: ${error.message}`);
    }
  }

  #routeFrame(): void {
    const { bytes, requestIdStart, requestIdEnd, payloadStart, payloadEnd } = this.#envelope;
    if (!isStreamIdText(bytes, requestIdStart, requestIdEnd)) {
      if (requestIdStart === requestIdEnd) {
        throw new MalformedError(
          'request-id',
          'IpcEnvelope.requestId',
          'it is empty in a message of type streamFrame',
        );
      }
      const message = 'the requestId of a streamFrame is 32 lower-case hex digits';
      return this.#targets.answers.refuse(this.#envelope.requestId(), 'protocolViolation', message);
    }
    const frame = this.#frame;
    try {
      frame.decode(bytes, payloadStart, payloadEnd);
      if (!frame.idMatches(bytes, requestIdStart)) {
        throw new MalformedError(
          'id-mismatch',
          'StreamFrame.streamId',
          'the frame says another id than its envelope',
        );
      }
      if (!frame.isKnownArm)
        throw new MalformedError('union-arm', 'StreamFrame', `arm ${frame.arm} is not known`);
      this.#targets.streams.onFrame(frame, bytes);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#targets.streams.onMalformed(this.#envelope.requestId() as StreamId, error);
    }
  }
}
