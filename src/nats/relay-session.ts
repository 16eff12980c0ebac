import type { ErrorReport } from '../errors.ts';
import { WriteBatch } from '../host/transport/write-batch.ts';
import { Framer } from '../wire/capnp/framer.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { encodeIpcError } from '../wire/error-payload.ts';
import { FRAME_ARM } from '../wire/frame.ts';
import { FrameEncoder } from '../wire/frame-encoder.ts';
import { PROTOCOL_VERSION } from '../wire/flow-limits.ts';
import { MessageDecoder } from '../wire/message-decoder.ts';
import { decodeInitialize } from '../wire/payload-decode.ts';
import { parseStreamId } from '../wire/stream-id.ts';
import type { Places } from './places.ts';
import type { Relay, RelayedStream, RelaySession } from './relay.ts';
import { HEADER_BYTES } from './session-message.ts';

/** Claimed places of a session that no Open has used yet. */
const MAX_CLAIMED = 64;
/** Requests of a session that take no place, and that the module has not answered. */
const MAX_SMALL_CALLS = 16;
/** Bytes that a session may send while the module takes less than comes. */
const MAX_CLOGGED_BYTES = 64 << 20;

/** Where messages to the client go, each with room for a header in front; false: wait until it has taken some. */
export interface MessageSink {
  send(message: Uint8Array): boolean;
}

interface WaitingAnswer {
  readonly message: Uint8Array;
  readonly onDone: () => void;
}

/**
 * One client's side of a node: reads as much of what the client sends as it needs to know whether it may, and forwards it to
 * the module under the ids of its own streams.
 */
export class ClientRelay implements RelaySession {
  accepts: ReadonlySet<string> = new Set();
  readonly #relay: Relay;
  readonly #places: Places;
  readonly #onBroken: (reason: string) => void;
  readonly #batch: WriteBatch;
  readonly #framer: Framer;
  readonly #decoder: MessageDecoder;
  readonly #streams = new Set<RelayedStream>();
  /** Answers for which the client has no room yet: a body has no credit, so it waits here and keeps its place. */
  #answers: WaitingAnswer[] = [];
  #claimed = 0;
  #smallCalls = 0;
  /** Requests whose answers are still to come. */
  #calls = 0;
  #cloggedBytes = 0;
  #isOver = false;

  /** @param onBroken the client's bytes make no sense, or it sends without end: the session must be closed for that reason */
  constructor(relay: Relay, channel: MessageSink, places: Places, onBroken: (reason: string) => void) {
    this.#relay = relay;
    this.#places = places;
    this.#onBroken = onBroken;
    this.#batch = new WriteBatch({
      headroom: HEADER_BYTES,
      start: () => undefined,
      write: (bytes) => channel.send(bytes),
      end: () => undefined,
      close: () => undefined,
    });
    this.#decoder = new MessageDecoder(relay.limits);
    this.#framer = new Framer(relay.limits, (bytes, start, end) => {
      if (!this.#isOver) this.#recv(bytes, start, end);
    });
  }

  /** Whether its client waits for anything. */
  get isBusy(): boolean {
    return this.#streams.size > 0 || this.#calls > 0 || this.#answers.length > 0;
  }

  claim(places: readonly string[]): void {
    for (const place of places) {
      if (this.#claimed < MAX_CLAIMED && this.#places.claim(place)) this.#claimed += 1;
    }
  }

  /** The next bytes of the client. */
  push(bytes: Uint8Array): void {
    this.#cloggedBytes = this.#relay.isClogged ? this.#cloggedBytes + bytes.length : 0;
    if (this.#cloggedBytes > MAX_CLOGGED_BYTES) {
      this.#onBroken('The client sends more than its credit, and the module does not keep up.');
      return;
    }
    try {
      this.#framer.push(bytes);
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.#onBroken(`What the client sends can't be read: ${cause.message}`);
    }
  }

  /** The client has taken what was sent before. */
  drained(): void {
    this.#batch.clogged = false;
    this.#sendAnswers();
  }

  /** Hands what was written in this turn to the session now. */
  flush(): void {
    this.#batch.flush();
  }

  /** The session is over: the handlers of its streams are told why. */
  drop(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of this.#streams) this.#relay.abandon(stream, reason);
    this.#streams.clear();
    const answers = this.#answers;
    this.#answers = [];
    for (const { onDone } of answers) onDone();
    this.#places.unclaim(this.#claimed);
    this.#claimed = 0;
  }

  forward(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#isOver) this.#batch.append(end - start, bytes.subarray(start, end));
  }

  streamEnded(stream: RelayedStream): void {
    this.#streams.delete(stream);
  }

  answer(message: Uint8Array, onDone: () => void): void {
    this.#calls -= 1;
    if (this.#isOver) {
      onDone();
      return;
    }
    this.#answers.push({ message, onDone });
    this.#sendAnswers();
  }

  #sendAnswers(): void {
    while (!this.#batch.clogged) {
      const next = this.#answers.shift();
      if (next === undefined) return;
      this.#send(next.message);
      next.onDone();
    }
  }

  #send(message: Uint8Array): void {
    this.#batch.append(message.length, message);
  }

  #recv(bytes: Uint8Array, start: number, end: number): void {
    const decoder = this.#decoder;
    const kind = decoder.decode(bytes, start, end);
    switch (kind) {
      case 'streamFrame':
        if (decoder.frame.arm === FRAME_ARM.open) this.#recvOpen(bytes, start, end);
        else this.#toStream(bytes, start, end);
        return;
      case 'unknownArm':
      case 'malformedFrame':
        return this.#malformedFrame(bytes, start, end);
      case 'notAStreamId':
        return this.#refuseRequest({ code: 'protocolViolation', message: decoder.malformed.message });
      case 'handle':
        return this.#recvHandle();
      case 'initialize':
        return this.#recvInitialize();
      case 'health':
        return this.#recvHealth();
      case 'malformedEnvelope':
        throw decoder.malformed;
      default: {
        const type = kind === 'unknownType' ? `number ${decoder.typeNumber}` : kind;
        const message = `A message of type ${type} can't be sent to a node; it goes to the module's own host.`;
        this.#refuseRequest({ code: 'unimplemented', message });
      }
    }
  }

  /** The module says what is wrong with the frame, if the stream is one of this session. */
  #malformedFrame(bytes: Uint8Array, start: number, end: number): void {
    const { message } = this.#decoder.malformed;
    const id = parseStreamId(this.#decoder.requestId());
    if (id === undefined) return;
    if (this.#relay.streams.get(id)?.session === this) this.#relay.write(bytes.subarray(start, end));
    else this.#send(new FrameEncoder(id).error({ code: 'protocolViolation', message }));
  }

  #recvOpen(bytes: Uint8Array, start: number, end: number): void {
    const live = this.#relay.streams.find(this.#decoder.frame);
    if (live?.session === this) {
      // The module ends the first stream for it, as it does for its own host.
      this.#relay.write(bytes.subarray(start, end));
    } else if (live !== undefined) {
      const message = 'Another client of this node has a stream of the same id.';
      this.#send(new FrameEncoder(this.#decoder.frame).error({ code: 'invalidArgument', message }));
    } else if (this.#takePlace()) {
      this.#streams.add(this.#relay.addStream(this.#decoder.frame, this));
      this.#relay.write(bytes.subarray(start, end));
    } else this.#send(new FrameEncoder(this.#decoder.frame).error(NO_PLACE));
  }

  /** A frame that is no Open, as it is decoded. */
  #toStream(bytes: Uint8Array, start: number, end: number): void {
    const stream = this.#relay.streams.find(this.#decoder.frame);
    if (stream?.session === this) this.#relay.write(bytes.subarray(start, end));
    // Often one that crossed the stream's terminal frame on the way; of another session's stream only who guesses its id.
    else this.#relay.stats.stray += 1;
  }

  #recvHandle(): void {
    if (!this.#takePlace()) {
      this.#refuseRequest(NO_PLACE);
      return;
    }
    this.#places.use();
    this.#request('handle', () => this.#places.end());
  }

  #recvHealth(): void {
    if (this.#smallCalls === MAX_SMALL_CALLS) {
      const message = `${MAX_SMALL_CALLS} health requests of this client wait already.`;
      this.#refuseRequest({ code: 'resourceExhausted', message });
      return;
    }
    this.#smallCalls += 1;
    this.#request('health', () => (this.#smallCalls -= 1));
  }

  #recvInitialize(): void {
    const decoder = this.#decoder;
    try {
      const { protocolVersion, accepts } = decodeInitialize(decoder.payload());
      if (protocolVersion !== PROTOCOL_VERSION) {
        const message = `Protocol version ${protocolVersion} is not spoken here, ${PROTOCOL_VERSION} is.`;
        this.#refuseRequest({ code: 'unimplemented', message });
        return;
      }
      this.accepts = new Set(accepts);
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.#refuseRequest({ code: 'protocolViolation', message: cause.message });
      return;
    }
    this.#send(encodeEnvelope('response', decoder.requestId(), this.#relay.initialized));
  }

  /** @param onDone called when the answer is on its way, or can't be sent any more */
  #request(type: 'handle' | 'health', onDone: () => void): void {
    const decoder = this.#decoder;
    this.#calls += 1;
    this.#relay.request(type, { session: this, requestId: decoder.requestId(), onDone }, decoder.payload());
  }

  #takePlace(): boolean {
    if (this.#claimed === 0) return false;
    this.#claimed -= 1;
    return true;
  }

  #refuseRequest(report: ErrorReport): void {
    const requestId = this.#decoder.requestId();
    // Without an id there is nobody to tell, and an error without one would speak of the whole connection.
    if (requestId === '') this.#relay.stats.stray += 1;
    else this.#send(encodeEnvelope('error', requestId, encodeIpcError(report)));
  }
}

const NO_PLACE: ErrorReport = {
  code: 'resourceExhausted',
  message: 'The node has no place for this: none was claimed, or it was promised too long ago.',
};
