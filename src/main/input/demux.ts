import { EnvelopeDecoder } from '../../wire/envelope.ts';
import { FrameDecoder } from '../../wire/frame.ts';
import { MalformedError } from '../../wire/capnp/malformed.ts';
import { messageTypeFromNumber, MESSAGE_TYPE } from '../../wire/message-type.ts';
import { isStreamIdText, type StreamId } from '../../wire/stream-id.ts';
import { UsualData } from '../../wire/data-fast-path.ts';
import type { WireLimits } from '../../wire/capnp/limits.ts';

/** Where each kind of message goes. Payloads are views that are valid during the call only. */
export interface Routes {
  onFrame(frame: FrameDecoder, bytes: Uint8Array): void;
  onMalformedFrame(id: StreamId, why: MalformedError): void;
  /** The next five may throw {@link MalformedError}: the request is then answered with `protocolViolation`. */
  onHandle(requestId: string, payload: Uint8Array): void;
  onInitialize(requestId: string, payload: Uint8Array): void;
  onShutdown(requestId: string, payload: Uint8Array): void;
  onHealth(requestId: string, payload: Uint8Array): void;
  onKvChange(payload: Uint8Array): void;
  /** A change without a requestId, so that nobody can be told. */
  onMalformedKvChange(why: MalformedError): void;
  /** The answer to one of the module's own requests. */
  onServiceAnswer(requestId: string, ok: boolean, payload: Uint8Array): void;
  /** A request-level refusal. */
  refuse(requestId: string, code: 'protocolViolation' | 'unimplemented', message: string): void;
}

/** Sorts whole messages by type; decodes just enough to route. */
export class Demux {
  readonly #envelope: EnvelopeDecoder;
  readonly #frame: FrameDecoder;
  readonly #usual = new UsualData();
  readonly #routes: Routes;
  messages = 0;

  constructor(limits: WireLimits, routes: Routes) {
    this.#envelope = new EnvelopeDecoder(limits);
    this.#frame = new FrameDecoder(limits);
    this.#routes = routes;
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
      return this.#routes.onFrame(this.#frame, bytes);
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
    const routes = this.#routes;
    if (type === undefined) {
      const message = `message type ${envelope.typeNumber} is not known to this module`;
      return routes.refuse(requestId, 'unimplemented', message);
    }
    try {
      switch (type) {
        case 'handle':
          return routes.onHandle(requestId, payload);
        case 'initialize':
          return routes.onInitialize(requestId, payload);
        case 'shutdown':
          return routes.onShutdown(requestId, payload);
        case 'health':
          return routes.onHealth(requestId, payload);
        case 'kvChangeNotification':
          return routes.onKvChange(payload);
        case 'serviceResponse':
          return routes.onServiceAnswer(requestId, true, payload);
        case 'error':
          return routes.onServiceAnswer(requestId, false, payload);
        case 'response':
        case 'serviceRequest':
          return routes.refuse(requestId, 'protocolViolation', `only the module sends ${type} messages`);
        case 'streamFrame':
          return;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // Only a key-value change may have no id, and an error without one would say that the connection ends.
      if (requestId === '') return routes.onMalformedKvChange(error);
      // Of a notification or an answer nobody waits for the outcome; the host still learns what was wrong.
      routes.refuse(requestId, 'protocolViolation', `the ${type} payload is malformed: ${error.message}`);
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
      return this.#routes.refuse(this.#envelope.requestId(), 'protocolViolation', message);
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
      this.#routes.onFrame(frame, bytes);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#routes.onMalformedFrame(this.#envelope.requestId() as StreamId, error);
    }
  }
}
