import { randomBytes } from 'node:crypto';
import { ModuleError } from '../errors.ts';
import {
  decodeHandleResponse,
  decodeHealthReport,
  decodeInitialized,
  type HealthReport,
  type Initialized,
} from '../wire/payload-decode.ts';
import {
  encodeHandleRequest,
  encodeInitialize,
  encodeKvChange,
  encodeShutdown,
} from '../wire/payload-encode.ts';
import { EMPTY_PAYLOAD, encodeEnvelope } from '../wire/envelope.ts';
import { Framer } from '../wire/capnp/framer.ts';
import { INITIAL_CREDIT, MAX_CREDIT, PROTOCOL_VERSION } from '../wire/flow-limits.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import type { MessageType } from '../wire/message-type.ts';
import { StreamTable } from '../wire/stream-table.ts';
import { streamIdFromWords, type StreamId } from '../wire/stream-id.ts';
import { causedBy, ContractViolation, type ViolationKind } from './contract-violation.ts';
import { LiveStream, type HostStream, type OpenStreamOptions } from './streams/host-stream.ts';
import { Inbound, type InboundEvents } from './inbound.ts';
import { contextOf, abortReason, type InvocationOptions } from './invocation-options.ts';
import { Outbound } from './outbound.ts';
import { PendingCalls } from './pending-calls.ts';
import { answerService } from './service-answers.ts';
import type {
  HostSessionOptions,
  InitializeOptions,
  KvNotification,
  SessionStats,
} from './session-options.ts';
import type { Transport, TransportEnd } from './transport/transport.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';

/** Each holds a stack, and a hostile module makes one of every message. */
const MAX_VIOLATIONS = 1000;

/**
 * The host's end of one connection, over any transport: opens streams, pairs answers with requests, counts credit both ways,
 * and checks that the module keeps the contract.
 *
 * When the connection ends, everything that is pending rejects with `unavailable` and the reason that the transport gives.
 */
export class HostSession {
  /** What the module did against the contract, in order; empty for a sound module. No more than the first 1,000 are kept. */
  readonly violations: ContractViolation[] = [];
  readonly stats: SessionStats = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };

  readonly #transport: Transport;
  readonly #options: HostSessionOptions;
  readonly #framer: Framer;
  readonly #outbound: Outbound;
  readonly #streams = new StreamTable<LiveStream>();
  readonly #calls = new PendingCalls();
  readonly #shutdownIds = new Set<string>();
  // Streams of two sessions with one module never meet, but logs of both are read together.
  readonly #idPrefix = randomBytes(8);
  #nextStream = 1;
  #firstWindow = INITIAL_CREDIT;
  #rawSent = false;
  #shutdownSent = false;
  #lastMessageSeen = false;
  #closedHere = false;
  #violationCount = 0;
  #connectionError: ModuleError | undefined;
  #over: ModuleError | undefined;

  /** Begins to read `transport` at once. */
  constructor(transport: Transport, options: HostSessionOptions = {}) {
    this.#transport = transport;
    this.#options = options;
    this.#outbound = new Outbound(transport, this.stats, options.onWire);
    const limits = { ...DEFAULT_WIRE_LIMITS, ...options.limits };
    const inbound = new Inbound(limits, this.#streams, this.#calls, this.#inboundEvents());
    this.#framer = new Framer(limits, (bytes, start, end) => {
      this.stats.framesIn += 1;
      if (this.#over !== undefined) return;
      options.onWire?.('in', bytes.subarray(start, end));
      if (this.#lastMessageSeen)
        this.#violation('afterShutdown', '', 'A message after the answer to shutdown.');
      else inbound.recv(bytes, start, end);
    });
    transport.start({
      onData: (bytes) => this.#recv(bytes),
      onDrain: () => this.#outbound.drained(),
      onEnd: (end) => this.#ended(end),
    });
  }

  /** How many streams have no terminal frame yet. */
  get liveStreams(): number {
    return this.#streams.size;
  }

  /** How many violations there were, also of those that are not kept. */
  get violationCount(): number {
    return this.#violationCount;
  }

  /** Why the module gave up the connection, once it said so. */
  get connectionError(): ModuleError | undefined {
    return this.#connectionError;
  }

  /** Optional first call. Streams opened after its answer count with the first window that the module announces. */
  async initialize(init: InitializeOptions = {}): Promise<Initialized> {
    const payload = encodeInitialize({
      protocolVersion: init.protocolVersion ?? PROTOCOL_VERSION,
      runtimeName: init.runtimeName ?? '',
      runtimeVersion: init.runtimeVersion ?? '',
      config: init.config ?? EMPTY_PAYLOAD,
    });
    const initialized = this.#decoded(await this.#call('initialize', payload), decodeInitialized);
    if (initialized.initialCredit < INITIAL_CREDIT) {
      this.#violation('firstWindow', '', `A first window of ${initialized.initialCredit} bytes.`);
    } else this.#firstWindow = initialized.initialCredit;
    return initialized;
  }

  async health(): Promise<HealthReport> {
    return this.#decoded(await this.#call('health', EMPTY_PAYLOAD), decodeHealthReport);
  }

  /** Asks the module to drain for at most `drainMs` (default 5,000) and settles with its answer, the last message. */
  async shutdown(options: { drainMs?: number } = {}): Promise<void> {
    const requestId = this.#calls.newRequestId();
    this.#shutdownSent = true;
    this.#shutdownIds.add(requestId);
    await this.#call('shutdown', encodeShutdown({ drainMs: options.drainMs ?? 5_000 }), undefined, requestId);
  }

  /** One unary request; the body of its answer. Rejects with the module's {@link ModuleError}. */
  async request(method: string, body: Uint8Array, options: InvocationOptions = {}): Promise<Uint8Array> {
    const payload = encodeHandleRequest({ context: contextOf(method, options), body });
    return this.#decoded(await this.#call('handle', payload, options.signal), decodeHandleResponse).body;
  }

  /** Tells the module of a key-value change; there is no answer. */
  notifyKv(change: KvNotification): void {
    const { key, operation, value = EMPTY_PAYLOAD, version = 0n } = change;
    const payload = encodeKvChange({ key, operation, value, version: BigInt(version) });
    this.#outbound.write(encodeEnvelope('kvChangeNotification', '', payload));
  }

  /**
   * Opens a stream. Where that can't be (a signal that has fired, a connection that is over) nothing is sent, and the stream
   * given is one that has already failed.
   *
   * @throws ModuleError `invalidArgument` for an id that is live, or a window or deadline that can't be sent
   */
  openStream(method: string, options: OpenStreamOptions = {}): HostStream {
    const context = contextOf(method, options);
    const stream = this.#newStream(options, this.#firstWindow);
    const refusal = this.#over ?? this.#refusedBy(options.signal);
    if (refusal !== undefined) {
      stream.abandon(refusal);
      return stream;
    }
    // Built first: a stream that can't be opened must not be waited for.
    const open = stream.openFrame(context, options.initialCredit);
    this.#streams.add(stream);
    this.#outbound.write(open);
    return stream;
  }

  /**
   * Listens to a stream whose Open is written by hand with `sendRaw`. The grants of the module are not checked, since what
   * it was sent isn't known.
   */
  adoptStream(
    id: StreamId,
    options: Pick<OpenStreamOptions, 'initialCredit' | 'autoCredit'> = {},
  ): HostStream {
    const stream = this.#newStream({ ...options, id }, MAX_CREDIT);
    if (this.#over === undefined) this.#streams.add(stream);
    else stream.abandon(this.#over);
    return stream;
  }

  /** Listens for the answer to a request that is written by hand: the payload of the response, or the error. */
  expectAnswer(requestId: string): Promise<Uint8Array> {
    return this.#over === undefined ? this.#calls.wait(requestId) : Promise.reject(this.#over);
  }

  /**
   * Writes `bytes` as they are, in order with everything else, for tests that must say what a sound host would not.
   *
   * From then on a `protocolViolation` that belongs to no stream or request of ours is no violation of the module's.
   */
  sendRaw(bytes: Uint8Array): void {
    this.#rawSent = true;
    this.#outbound.write(bytes);
  }

  /** Ends the module's input, after what is queued: it cancels what runs, and exits. Answers are still read. */
  endInput(): void {
    this.#outbound.flush();
    this.#transport.end();
  }

  /** Drops the connection, both ways. */
  close(): void {
    this.#closedHere = true;
    this.#outbound.flush();
    this.#transport.close();
  }

  #recv(bytes: Uint8Array): void {
    this.stats.bytesIn += bytes.length;
    try {
      this.#framer.push(bytes);
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.#fatal('framing', '', cause.message, cause);
    }
  }

  #ended(end: TransportEnd): void {
    if (this.#over !== undefined) return;
    if (end.clean && !this.#closedHere) {
      const torn = this.#framer.pendingBytes;
      if (torn > 0) this.#violation('framing', '', `The output ends ${torn} bytes into a message.`);
      this.#checkTerminals();
    }
    const said = this.#connectionError;
    const message = said === undefined ? end.message : `${end.message}\nIt had said: ${said.message}`;
    this.#failAll(new ModuleError('unavailable', message, causedBy(said)));
  }

  #checkTerminals(): void {
    for (const stream of this.#streams.values()) {
      if (stream.owed)
        this.#violation('missingTerminal', stream.id, 'The module ended without its terminal frame.');
    }
  }

  #failAll(error: ModuleError): void {
    this.#over = error;
    this.#outbound.stop();
    for (const stream of this.#streams.values()) {
      this.#streams.delete(stream);
      stream.abandon(error);
    }
    this.#calls.failAll(error);
  }

  #violation(kind: ViolationKind, requestId: string, message: string, cause?: unknown): void {
    this.#violationCount += 1;
    const { onViolation } = this.#options;
    const isKept = this.#violationCount <= MAX_VIOLATIONS;
    if (!isKept && onViolation === undefined) return;
    const violation = new ContractViolation(kind, requestId, message, causedBy(cause));
    if (isKept) this.violations.push(violation);
    onViolation?.(violation);
  }

  #fatal(kind: ViolationKind, requestId: string, message: string, cause: unknown): void {
    if (this.#over !== undefined) return;
    this.#violation(kind, requestId, message, cause);
    this.#failAll(
      new ModuleError('protocolViolation', `The module's output can't be read: ${message}`, { cause }),
    );
    this.close();
  }

  #call(
    type: MessageType,
    payload: Uint8Array,
    signal?: AbortSignal,
    requestId = this.#calls.newRequestId(),
  ): Promise<Uint8Array> {
    const refusal = this.#over ?? this.#refusedBy(signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    const answer = this.#calls.wait(requestId, signal);
    this.#outbound.write(encodeEnvelope(type, requestId, payload));
    return answer;
  }

  #refusedBy(signal: AbortSignal | undefined): ModuleError | undefined {
    return signal?.aborted === true ? new ModuleError('cancelled', abortReason(signal)) : undefined;
  }

  /** Decodes an answer; one that can't be read is a violation, and fails the call. */
  #decoded<T>(payload: Uint8Array, decode: (payload: Uint8Array) => T): T {
    try {
      return decode(payload);
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.#violation('malformedAnswer', '', cause.message, cause);
      throw new ModuleError('protocolViolation', `The answer can't be read: ${cause.message}`, { cause });
    }
  }

  #newStream(options: OpenStreamOptions, maxSendBalance: number): LiveStream {
    const id = options.id ?? this.#newStreamId();
    if (this.#streams.get(id) !== undefined) {
      throw new ModuleError('invalidArgument', `The stream id ${id} is live.`);
    }
    const { initialCredit: receive = INITIAL_CREDIT, autoCredit = true } = options;
    if (!Number.isInteger(receive) || receive < 0 || receive > 0xffff_ffff) {
      throw new ModuleError('invalidArgument', `A window of ${receive} bytes does not fit its field.`);
    }
    const windows = { send: this.#firstWindow, maxSendBalance, receive, autoCredit };
    return new LiveStream(this.#outbound, id, windows, !this.#shutdownSent, options.signal);
  }

  #newStreamId(): StreamId {
    const number = this.#nextStream++;
    const prefix = this.#idPrefix;
    const high = Math.floor(number / 2 ** 32);
    return streamIdFromWords(prefix.readUInt32BE(0), prefix.readUInt32BE(4), high, number >>> 0);
  }

  #inboundEvents(): InboundEvents {
    const isRawSent = (): boolean => this.#rawSent;
    return {
      get rawSent(): boolean {
        return isRawSent();
      },
      onViolation: (kind, requestId, message, cause) => this.#violation(kind, requestId, message, cause),
      onFatal: (kind, requestId, message, cause) => this.#fatal(kind, requestId, message, cause),
      onConnectionError: (error) => {
        this.#connectionError = error;
        this.#options.onProtocolError?.(error);
      },
      onAnswered: (requestId, type) => {
        if (!this.#shutdownIds.delete(requestId) || this.#shutdownIds.size > 0 || type === 'error') return;
        this.#lastMessageSeen = true;
        this.#checkTerminals();
      },
      onServiceRequest: (requestId, payload) => {
        const answer = answerService(requestId, payload, this.#options.onService);
        void answer.then((message) => this.#outbound.write(message));
      },
    };
  }
}
