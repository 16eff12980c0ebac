import { randomBytes } from 'node:crypto';
import { SCHEMA_DEFAULT } from '../wire/schema-defaults.ts';
import { isModuleError, ModuleError } from '../errors.ts';
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
import { INITIAL_CREDIT, PROTOCOL_VERSION } from '../wire/flow-limits.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { streamIdFromWords, type StreamId } from '../wire/stream-id.ts';
import { bytesGiven } from './bytes-given.ts';
import { Connection } from './connection.ts';
import type { ContractViolation } from './contract-violation.ts';
import { LiveStream, type HostStream, type OpenStreamOptions } from './streams/host-stream.ts';
import { mayBeIgnored } from './handed-out.ts';
import { contextOf, type InvocationOptions } from './invocation-options.ts';
import type {
  HostSessionOptions,
  InitializeOptions,
  KvNotification,
  SessionStats,
} from './session-options.ts';
import type { Transport } from './transport/transport.ts';

/** The connection under a session: for tests that write by hand what no sound host would. Not exported by the package. */
export let connectionOf: (session: HostSession) => Connection;

/**
 * The host's end of one connection, over any transport: opens streams, pairs answers with requests, counts credit both ways,
 * and checks that the module keeps the contract.
 *
 * When the connection ends, everything that is pending rejects with `unavailable` and the reason that the transport gives.
 */
export class HostSession {
  readonly #connection: Connection;
  // Streams of two sessions with one module never meet, but logs of both are read together.
  readonly #idPrefix = randomBytes(8);
  #nextStream = 1;
  #firstWindow = INITIAL_CREDIT;

  static {
    connectionOf = (session) => session.#connection;
  }

  /** Begins to read `transport` at once. */
  constructor(transport: Transport, options: HostSessionOptions = {}) {
    this.#connection = new Connection(transport, options);
  }

  /** What went over the wire so far; the object stays the same and counts on. */
  get stats(): SessionStats {
    return this.#connection.stats;
  }

  /** What the module did against the contract, in order; empty for a sound module. No more than the first 1,000 are kept. */
  get violations(): ContractViolation[] {
    return this.#connection.violations.kept;
  }

  /** How many violations there were, also of those that are not kept. */
  get violationCount(): number {
    return this.#connection.violations.count;
  }

  /** Why the module gave up the connection, once it said so. */
  get connectionError(): ModuleError | undefined {
    return this.#connection.saidError;
  }

  /**
   * Optional first call. Streams opened after its answer count with the first window that the module announces.
   *
   * Rejects with a {@link ModuleError}: `invalidArgument` for a config that no message can hold.
   */
  initialize(init: InitializeOptions = {}): Promise<Initialized> {
    return mayBeIgnored(this.#initialize(init));
  }

  async #initialize(init: InitializeOptions): Promise<Initialized> {
    const config = bytesGiven(init.config ?? EMPTY_PAYLOAD, 'A configuration is bytes');
    this.#connection.bounds.checkField('The config', config.length);
    const payload = encodeInitialize({
      protocolVersion: init.protocolVersion ?? PROTOCOL_VERSION,
      runtimeName: init.runtimeName ?? '',
      runtimeVersion: init.runtimeVersion ?? '',
      config,
    });
    const answer = await this.#connection.call('initialize', payload);
    const initialized = this.#decoded(answer, decodeInitialized);
    if (initialized.initialCredit < INITIAL_CREDIT) {
      const message = `A first window of ${initialized.initialCredit} bytes.`;
      this.#connection.violations.add('firstWindow', '', message);
    } else this.#firstWindow = initialized.initialCredit;
    return initialized;
  }

  health(): Promise<HealthReport> {
    return mayBeIgnored(this.#health());
  }

  async #health(): Promise<HealthReport> {
    return this.#decoded(await this.#connection.call('health', EMPTY_PAYLOAD), decodeHealthReport);
  }

  /**
   * Asks the module to drain for at most `drainMs` milliseconds (default 5,000; at most 2^32-1) and settles with its answer, the
   * last message. Rejects with a {@link ModuleError}: `invalidArgument` for a time that can't be sent.
   */
  shutdown(options: { drainMs?: number } = {}): Promise<void> {
    return mayBeIgnored(this.#shutdown(options.drainMs ?? SCHEMA_DEFAULT.drainMs));
  }

  async #shutdown(drainMs: number): Promise<void> {
    if (!Number.isInteger(drainMs) || drainMs < 0 || drainMs > 0xffff_ffff) {
      throw new ModuleError('invalidArgument', `A drain time of ${drainMs} ms does not fit its field.`);
    }
    await this.#connection.call('shutdown', encodeShutdown({ drainMs }));
  }

  /**
   * One unary request; the body of its answer. Rejects with a {@link ModuleError}: the module's, `invalidArgument` for a body that
   * no message can hold, or `deadlineExceeded` where the module has not answered some time after the deadline.
   */
  request(method: string, body: Uint8Array, options: InvocationOptions = {}): Promise<Uint8Array> {
    return mayBeIgnored(this.#request(method, body, options));
  }

  async #request(method: string, given: Uint8Array, options: InvocationOptions): Promise<Uint8Array> {
    const body = bytesGiven(given, 'The body of a request is bytes');
    this.#connection.bounds.checkField('The body of the request', body.length);
    const context = contextOf(method, options);
    const payload = encodeHandleRequest({ context, body });
    const ends = { signal: options.signal, deadlineUnixMs: context.deadlineUnixMs };
    const answer = await this.#connection.call('handle', payload, ends);
    const { body: answered } = this.#decoded(answer, decodeHandleResponse);
    // A view; where the rest of the message is the larger part, it must not be kept along with it.
    return answered.length * 2 < answer.length ? answered.slice() : answered;
  }

  /**
   * Tells the module of a key-value change; there is no answer.
   *
   * @throws ModuleError `invalidArgument` for a change that no message can hold
   */
  notifyKv(change: KvNotification): void {
    const { key, operation, version = 0n } = change;
    const value = bytesGiven(change.value ?? EMPTY_PAYLOAD, 'The value of a key is bytes');
    const { bounds, outbound } = this.#connection;
    bounds.checkField('The value', value.length);
    const payload = encodeKvChange({ key, operation, value, version: BigInt(version) });
    const message = encodeEnvelope('kvChangeNotification', '', payload);
    bounds.checkMessage('This key-value change', message);
    outbound.write(message);
  }

  /**
   * Opens a stream. Where that can't be (a signal that has fired, a connection that is over, a context that no message can hold)
   * nothing is sent, and the stream given is one that has already failed.
   *
   * @throws ModuleError `invalidArgument` for an id that is live, or a window or deadline that can't be sent
   */
  openStream(method: string, options: OpenStreamOptions = {}): HostStream {
    const connection = this.#connection;
    const context = contextOf(method, options);
    const stream = this.#newStream(options, context.deadlineUnixMs);
    try {
      const refusal = connection.refusalOf(options.signal);
      if (refusal !== undefined) throw refusal;
      // Built first: a stream that can't be opened must not be waited for.
      const open = stream.openFrame(context, options.initialCredit);
      connection.bounds.checkMessage('The context of this stream', open);
      connection.streams.add(stream);
      connection.outbound.write(open);
    } catch (error) {
      // It must not listen to its signal any more, whatever was wrong.
      stream.abandon(
        isModuleError(error) ? error : new ModuleError('internal', 'The stream was never opened.'),
      );
      if (!isModuleError(error)) throw error;
    }
    return stream;
  }

  /** Ends the module's input, after what is queued: it cancels what runs, and exits. Answers are still read. */
  endInput(): void {
    this.#connection.endInput();
  }

  /** Drops the connection, both ways. */
  close(): void {
    this.#connection.close();
  }

  /** Decodes an answer; one that can't be read is a violation, and fails the call. */
  #decoded<T>(payload: Uint8Array, decode: (payload: Uint8Array) => T): T {
    try {
      return decode(payload);
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause;
      this.#connection.violations.add('malformedAnswer', '', cause.message, cause);
      throw new ModuleError('protocolViolation', `The answer can't be read: ${cause.message}`, { cause });
    }
  }

  #newStream(options: OpenStreamOptions, deadlineUnixMs: number | undefined): LiveStream {
    const { streams, outbound, shutdownSent, unsettled, localEnds } = this.#connection;
    const id = options.id ?? this.#newStreamId();
    if (streams.get(id) !== undefined) {
      throw new ModuleError('invalidArgument', `The stream id ${id} is live.`);
    }
    const { initialCredit: receive = INITIAL_CREDIT, autoCredit = true } = options;
    if (!Number.isInteger(receive) || receive < 0 || receive > 0xffff_ffff) {
      throw new ModuleError('invalidArgument', `A window of ${receive} bytes does not fit its field.`);
    }
    const windows = { send: this.#firstWindow, receive, autoCredit };
    const waits = { unsettled, localEnds, deadlineUnixMs };
    return new LiveStream(outbound, id, windows, !shutdownSent, options.signal, waits);
  }

  #newStreamId(): StreamId {
    const number = this.#nextStream++;
    const prefix = this.#idPrefix;
    const high = Math.floor(number / 2 ** 32);
    return streamIdFromWords(prefix.readUInt32BE(0), prefix.readUInt32BE(4), high, number >>> 0);
  }
}
