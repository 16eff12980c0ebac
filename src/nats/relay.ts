import { ModuleError } from '../errors.ts';
import { PendingCalls } from '../host/pending-calls.ts';
import { Unsettled } from '../host/handed-out.ts';
import { LocalEnds } from '../host/local-end.ts';
import { ServiceCalls } from '../host/service-calls.ts';
import type { OnService } from '../host/service-table.ts';
import type { Transport, TransportEnd } from '../host/transport/transport.ts';
import { WriteBatch } from '../host/transport/write-batch.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../wire/capnp/limits.ts';
import { Framer } from '../wire/capnp/framer.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { encodeEnvelope, EMPTY_PAYLOAD } from '../wire/envelope.ts';
import { FRAME_ARM } from '../wire/frame.ts';
import { FrameEncoder } from '../wire/frame-encoder.ts';
import { INITIAL_CREDIT } from '../wire/flow-limits.ts';
import { MessageDecoder } from '../wire/message-decoder.ts';
import type { MessageType } from '../wire/message-type.ts';
import {
  decodeHealthReport,
  decodeInitialized,
  decodeIpcError,
  type HealthReport,
  type Initialized,
} from '../wire/payload-decode.ts';
import { encodeInitialize, encodeShutdown } from '../wire/payload-encode.ts';
import { parseStreamId, type IdWords } from '../wire/stream-id.ts';
import { StreamTable, type TableEntry } from '../wire/stream-table.ts';
import type { Places } from './places.ts';

/** Abilities of a node beyond the first version of the protocol. A session uses those of them that its client accepts. */
const UNDERSTOOD = { accepts: ['progress'] };

/** Arms of a frame that only those get who said that they accept them. */
const ARM_NEEDS: ReadonlyMap<number, string> = new Map([[FRAME_ARM.progress, 'progress']]);

/** The other end of what the relay carries: one session with a client. */
export interface RelaySession {
  /** Abilities that its client accepts beyond the first version of the protocol. */
  readonly accepts: ReadonlySet<string>;
  /** One whole message of a stream: `bytes[start, end)`, valid during the call only. */
  forward(bytes: Uint8Array, start: number, end: number): void;
  /** The module's terminal frame was forwarded. */
  streamEnded(stream: RelayedStream): void;
  /** One answer to a request of the session, which is the session's to keep. `onDone` once it is on its way. */
  answer(message: Uint8Array, onDone: () => void): void;
}

/** A stream of some session that the module has; without a session: its client is gone and its terminal frame still to come. */
export interface RelayedStream extends TableEntry<RelayedStream> {
  session: RelaySession | undefined;
}

interface RelayedCall {
  readonly session: RelaySession;
  readonly requestId: string;
  /** The answer is on its way, or can't be sent any more. */
  readonly onDone: () => void;
}

export interface RelayOptions {
  readonly limits?: Partial<WireLimits>;
  /** Answers what handlers ask of their host; without it they get `unimplemented`. */
  readonly onService?: OnService;
  /** The module is gone, or what it says makes no sense any more. */
  readonly onEnd: (end: TransportEnd) => void;
}

/** Messages of the module that belonged nowhere, and of clients that were not theirs to send. */
export interface RelayStats {
  stray: number;
}

/**
 * The module's side of a node: many sessions share one module.
 *
 * It reads as much of each message as it needs to know whose it is, and forwards the bytes. Credit, half-close, cancel, deadline
 * and the one terminal frame stay between client and handler, so there is no second window and no second state machine.
 */
export class Relay {
  readonly stats: RelayStats = { stray: 0 };
  readonly limits: WireLimits;
  readonly streams = new StreamTable<RelayedStream>();
  readonly #transport: Transport;
  readonly #options: RelayOptions;
  readonly #places: Places;
  readonly #batch: WriteBatch;
  /** Nobody sets a deadline for what the node itself asks, and its connection to NATS holds the process. */
  readonly #own = new PendingCalls(new Unsettled({}), new LocalEnds(Infinity));
  readonly #calls = new Map<string, RelayedCall>();
  readonly #framer: Framer;
  readonly #decoder: MessageDecoder;
  readonly #services: ServiceCalls;
  #nextCall = 1;
  #said = '';
  #isOver = false;
  #initialized: Uint8Array = EMPTY_PAYLOAD;
  #firstWindow = INITIAL_CREDIT;

  /** Begins to read `transport` at once. @param places ended streams and requests give theirs back */
  constructor(transport: Transport, places: Places, options: RelayOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#places = places;
    this.limits = { ...DEFAULT_WIRE_LIMITS, ...options.limits };
    this.#batch = new WriteBatch(transport);
    this.#decoder = new MessageDecoder(this.limits);
    this.#services = this.#serviceCalls();
    this.#framer = new Framer(this.limits, (bytes, start, end) => this.#recv(bytes, start, end));
    transport.start({
      onData: (bytes) => this.#push(bytes),
      onDrain: () => {
        this.#batch.clogged = false;
        this.#services.pump();
      },
      onEnd: (end) => this.#ended(end),
    });
  }

  /** The module's description of itself: the payload of `Initialized`, which every session gets. */
  get initialized(): Uint8Array {
    return this.#initialized;
  }

  /** The first window that the module has announced, in bytes. */
  get firstWindow(): number {
    return this.#firstWindow;
  }

  /** The module takes less than comes, so that more would only wait in memory. */
  get isClogged(): boolean {
    return this.#batch.clogged;
  }

  /** @throws ModuleError why the module can't be used */
  async initialize(config?: Uint8Array): Promise<Initialized> {
    const payload = encodeInitialize({
      runtimeName: 'ixt-module join',
      ...(config === undefined ? {} : { config }),
      ...UNDERSTOOD,
    });
    this.#initialized = await this.#ask('initialize', payload);
    const initialized = decodeInitialized(this.#initialized);
    this.#firstWindow = Math.max(INITIAL_CREDIT, initialized.initialCredit);
    return initialized;
  }

  async health(): Promise<HealthReport> {
    return decodeHealthReport(await this.#ask('health', EMPTY_PAYLOAD));
  }

  /** Lets the module drain, and settles when it has. */
  async shutdown(drainMs: number): Promise<void> {
    await this.#ask('shutdown', encodeShutdown({ drainMs }));
  }

  /** The module reads the end of its input. */
  endInput(): void {
    this.#batch.flush();
    this.#transport.end();
  }

  /** Writes one whole message to the module; it is copied. */
  write(message: Uint8Array): void {
    if (!this.#isOver) this.#batch.append(message.length, message);
  }

  /** A stream that uses a claimed place; its frames go to `session` from now on. */
  addStream({ id0, id1, id2, id3 }: IdWords, session: RelaySession): RelayedStream {
    const stream = { id0, id1, id2, id3, nextInBucket: undefined, session };
    this.streams.add(stream);
    this.#places.use();
    return stream;
  }

  /** The client of that stream is gone: the handler is told, and what it still sends is dropped. */
  abandon(stream: RelayedStream, reason: string): void {
    stream.session = undefined;
    this.write(new FrameEncoder(stream).cancel(reason));
  }

  /** Sends a request of a session, under an id of our own; the answer goes to the session under its own. */
  request(type: MessageType, call: RelayedCall, payload: Uint8Array): void {
    const requestId = `c${this.#nextCall++}`;
    this.#calls.set(requestId, call);
    this.write(encodeEnvelope(type, requestId, payload));
  }

  #ask(type: MessageType, payload: Uint8Array): Promise<Uint8Array> {
    if (this.#isOver) return Promise.reject(new ModuleError('unavailable', this.#said));
    const requestId = this.#own.newRequestId();
    const answer = this.#own.wait(requestId);
    this.write(encodeEnvelope(type, requestId, payload));
    return answer;
  }

  #push(bytes: Uint8Array): void {
    try {
      this.#framer.push(bytes);
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.#giveUp(`The module's output can't be read: ${cause.message}`);
    }
  }

  #recv(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isOver) return;
    const decoder = this.#decoder;
    const kind = decoder.decode(bytes, start, end);
    switch (kind) {
      case 'streamFrame':
      case 'unknownArm':
        return this.#recvFrame(bytes, start, end);
      case 'malformedFrame':
        return this.#malformedFrame(bytes, start, end);
      case 'response':
      case 'error':
        return this.#recvAnswer(kind === 'error');
      case 'serviceRequest':
        return this.#recvServiceRequest();
      case 'malformedEnvelope':
        throw decoder.malformed;
      default:
        this.stats.stray += 1;
    }
  }

  /** The client's own session judges it, and ends the stream. */
  #malformedFrame(bytes: Uint8Array, start: number, end: number): void {
    const id = parseStreamId(this.#decoder.requestId());
    const session = id === undefined ? undefined : this.streams.get(id)?.session;
    if (session === undefined) this.stats.stray += 1;
    else session.forward(bytes, start, end);
  }

  /** Gives the frame, as it is decoded, to the session of its stream. */
  #recvFrame(bytes: Uint8Array, start: number, end: number): void {
    const { frame } = this.#decoder;
    const { arm } = frame;
    const stream = this.streams.find(frame);
    if (stream === undefined) {
      this.stats.stray += 1;
      return;
    }
    const { session } = stream;
    const need = arm > FRAME_ARM.error ? (ARM_NEEDS.get(arm) ?? '') : undefined;
    if (need === undefined || session?.accepts.has(need) === true) session?.forward(bytes, start, end);
    if (arm !== FRAME_ARM.close && arm !== FRAME_ARM.error) return;
    this.streams.delete(stream);
    session?.streamEnded(stream);
    this.#places.end();
  }

  #recvAnswer(isError: boolean): void {
    const requestId = this.#decoder.requestId();
    const payload = this.#decoder.payload().slice();
    if (isError && requestId === '') {
      this.#said = errorOf(payload).message;
      return;
    }
    const call = this.#calls.get(requestId);
    if (call === undefined) {
      const isOwn = isError
        ? this.#own.reject(requestId, errorOf(payload))
        : this.#own.resolve(requestId, payload);
      if (!isOwn) this.stats.stray += 1;
      return;
    }
    this.#calls.delete(requestId);
    call.session.answer(encodeEnvelope(isError ? 'error' : 'response', call.requestId, payload), call.onDone);
  }

  #recvServiceRequest(): void {
    const requestId = this.#decoder.requestId();
    if (requestId === '') {
      this.stats.stray += 1;
      return;
    }
    try {
      this.#services.recv(requestId, this.#decoder.payload());
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.stats.stray += 1;
    }
  }

  #serviceCalls(): ServiceCalls {
    const batch = this.#batch;
    const link = {
      get clogged() {
        return batch.clogged;
      },
      write: (message: Uint8Array) => this.write(message),
      onFlood: (message: string) => this.#giveUp(message),
    };
    return new ServiceCalls(link, this.#options.onService, this.limits.maxMessageBytes);
  }

  /** Nothing that the module says is of use any more. */
  #giveUp(message: string): void {
    this.#ended({ clean: false, message });
    this.#transport.close();
  }

  #ended(end: TransportEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#services.stop();
    const message = this.#said === '' ? end.message : `${end.message}\nIt had said: ${this.#said}`;
    this.#said = message;
    this.#own.failAll(new ModuleError('unavailable', message));
    this.#options.onEnd({ ...end, message });
  }
}

function errorOf(payload: Uint8Array): ModuleError {
  const { code, message, details } = decodeIpcError(payload);
  return new ModuleError(code, message, { details });
}
