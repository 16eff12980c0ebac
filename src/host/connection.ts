import { ModuleError, type ErrorCode } from '../errors.ts';
import { uninitialised } from '../base/buffers.ts';
import { cutUtf8 } from '../base/text.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { Framer } from '../wire/capnp/framer.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import type { MessageType } from '../wire/message-type.ts';
import { StreamTable } from '../wire/stream-table.ts';
import { causedBy, type ViolationKind } from './contract-violation.ts';
import { HostDemux, type InboundEvents } from './inbound.ts';
import { Unsettled } from './handed-out.ts';
import { abortReason } from './invocation-options.ts';
import { DEFAULT_GRACE_MS, LocalEnds } from './local-end.ts';
import { MAX_ERROR_TEXT_BYTES, MessageBounds } from './message-bounds.ts';
import { Outbound } from './outbound.ts';
import { PendingCalls, type CallEnds } from './pending-calls.ts';
import { ServiceCalls } from './service-calls.ts';
import type { HostSessionOptions, SessionStats } from './session-options.ts';
import type { LiveStream } from './streams/host-stream.ts';
import type { Transport, TransportEnd } from './transport/transport.ts';
import { Violations } from './violations.ts';

/**
 * One connection with a module: its open streams and pending calls, its incoming messages, and its end.
 *
 * It does not know the meaning of a call; {@link HostSession} does.
 */
export class Connection {
  readonly stats: SessionStats = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  readonly violations: Violations;
  readonly outbound: Outbound;
  readonly streams = new StreamTable<LiveStream>();
  readonly calls: PendingCalls;
  readonly bounds: MessageBounds;
  readonly unsettled: Unsettled;
  readonly localEnds: LocalEnds;
  readonly #services: ServiceCalls;
  readonly #transport: Transport;
  readonly #options: HostSessionOptions;
  readonly #framer: Framer;
  readonly #inbound: HostDemux;
  readonly #shutdownIds = new Set<string>();
  #shutdownSent = false;
  #lastMessageSeen = false;
  #inputEnded = false;
  #closedHere = false;
  #saidError: ModuleError | undefined;
  #over: ModuleError | undefined;

  /** Begins to read `transport` at once. */
  constructor(transport: Transport, options: HostSessionOptions) {
    this.#transport = transport;
    this.#options = options;
    this.violations = new Violations(options.onViolation);
    this.outbound = new Outbound(transport, this.stats, options.onWire);
    const limits = { ...DEFAULT_WIRE_LIMITS, ...options.limits };
    this.bounds = new MessageBounds(limits.maxMessageBytes);
    this.unsettled = new Unsettled(transport);
    this.localEnds = new LocalEnds(options.graceMs ?? DEFAULT_GRACE_MS);
    this.calls = new PendingCalls(this.unsettled, this.localEnds);
    this.#services = this.#serviceCalls(limits.maxMessageBytes);
    this.#inbound = new HostDemux(limits, this.streams, this.calls, this.#inboundEvents());
    this.#framer = new Framer(
      limits,
      (bytes, start, end, isOwn) => this.#onMessage(bytes, start, end, isOwn),
      uninitialised,
    );
    transport.start({
      onData: (bytes) => this.#recv(bytes),
      onDrain: () => {
        this.outbound.drained();
        this.#services.pump();
      },
      onEnd: (end) => this.#ended(end),
    });
  }

  /** The error that everything on the connection failed with; `undefined` while it is not over. */
  get over(): ModuleError | undefined {
    return this.#over;
  }

  /** The error with which the module gave up the connection; `undefined` if it has not. */
  get saidError(): ModuleError | undefined {
    return this.#saidError;
  }

  /**
   * Whether `shutdown` was sent. A stream that is opened after that may cross the answer, so the module need not send its terminal
   * frame.
   */
  get shutdownSent(): boolean {
    return this.#shutdownSent;
  }

  /** The reason why a call with this signal can't be made now; `undefined` if it can. */
  refusalOf(signal: AbortSignal | undefined): ModuleError | undefined {
    if (this.#over !== undefined) return this.#over;
    if (this.#inputEnded) {
      const message = 'The input of the module was ended, so it can be asked nothing more.';
      return new ModuleError('unavailable', message, { started: false });
    }
    return signal?.aborted === true ? new ModuleError('cancelled', abortReason(signal)) : undefined;
  }

  /**
   * Sends a request and waits for its answer. Resolves with the payload of the response.
   *
   * @throws ModuleError if the request can't be sent
   */
  call(type: MessageType, payload: Uint8Array, ends: CallEnds = {}): Promise<Uint8Array> {
    const refusal = this.refusalOf(ends.signal);
    if (refusal !== undefined) throw refusal;
    const requestId = this.calls.newRequestId();
    const message = encodeEnvelope(type, requestId, payload);
    this.bounds.checkMessage(`This ${type}`, message);
    if (type === 'shutdown') {
      this.#shutdownSent = true;
      this.#shutdownIds.add(requestId);
    }
    const answer = this.calls.wait(requestId, ends);
    this.outbound.write(message);
    return answer;
  }

  /** Ends the module's input after the queued messages. */
  endInput(): void {
    this.#inputEnded = true;
    this.outbound.flush();
    this.#transport.end();
  }

  /** Drops the connection, both ways. */
  close(): void {
    this.#closedHere = true;
    this.outbound.flush();
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

  #onMessage(bytes: Uint8Array, start: number, end: number, isOwn: boolean): void {
    this.stats.framesIn += 1;
    if (this.#over !== undefined) return;
    this.#options.onWire?.('in', bytes.subarray(start, end));
    if (this.#lastMessageSeen) {
      this.violations.add('afterShutdown', '', 'A message after the answer to shutdown.');
    } else this.#inbound.recv(bytes, start, end, isOwn);
  }

  #ended(end: TransportEnd): void {
    if (this.#over !== undefined) return;
    if (end.clean && !this.#closedHere) {
      const torn = this.#framer.pendingBytes;
      if (torn > 0) this.violations.add('framing', '', `The output ends ${torn} bytes into a message.`);
      this.#checkTerminals();
    }
    const said = this.#saidError;
    const message = said === undefined ? end.message : `${end.message}\nIt had said: ${said.message}`;
    this.#failAll('unavailable', message, said, end.neverRan !== true);
  }

  #checkTerminals(): void {
    for (const stream of this.streams.values()) {
      if (stream.owed) {
        this.violations.add('missingTerminal', stream.id, 'The module ended without its terminal frame.');
      }
    }
  }

  /** @param mayHaveStarted whether the module may have begun to serve the calls */
  #failAll(code: ErrorCode, message: string, cause: unknown, mayHaveStarted: boolean): void {
    this.#over = new ModuleError(code, message, { ...causedBy(cause), started: false });
    this.outbound.stop();
    this.#services.stop();
    const error = new ModuleError(code, message, { ...causedBy(cause), started: mayHaveStarted });
    for (const stream of this.streams.values()) {
      this.streams.delete(stream);
      stream.abandon(error);
    }
    this.calls.failAll(error);
  }

  #fatal(kind: ViolationKind, requestId: string, message: string, cause: unknown): void {
    if (this.#over !== undefined) return;
    this.violations.add(kind, requestId, message, cause);
    this.#failAll('protocolViolation', `The module broke the contract: ${message}`, cause, true);
    this.close();
  }

  #inboundEvents(): InboundEvents {
    return {
      onViolation: (kind, requestId, message, cause) => this.violations.add(kind, requestId, message, cause),
      onFatal: (kind, requestId, message, cause) => this.#fatal(kind, requestId, message, cause),
      onConnectionError: (error) => this.#onConnectionError(error),
      onAnswered: (requestId, type) => {
        if (!this.#shutdownIds.delete(requestId) || this.#shutdownIds.size > 0 || type === 'error') return;
        this.#lastMessageSeen = true;
        this.#checkTerminals();
      },
      onServiceRequest: (requestId, payload) => this.#services.recv(requestId, payload),
    };
  }

  #onConnectionError({ code, message, details }: ModuleError): void {
    if (this.#saidError !== undefined) {
      this.violations.add('unknownAnswer', '', 'A second error that ends the connection.');
      return;
    }
    // Every call that fails with the connection quotes this error.
    const said = new ModuleError(code, cutUtf8(message, MAX_ERROR_TEXT_BYTES), { details });
    this.#saidError = said;
    this.#options.onProtocolError?.(said);
  }

  #serviceCalls(maxMessageBytes: number): ServiceCalls {
    const { outbound } = this;
    const link = {
      get clogged() {
        return outbound.clogged;
      },
      write: (message: Uint8Array) => outbound.write(message),
      onFlood: (message: string) => this.#fatal('serviceFlood', '', message, undefined),
    };
    return new ServiceCalls(link, this.#options.onService, maxMessageBytes);
  }
}
