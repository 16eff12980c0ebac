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
import type { InvocationContextInit } from '../wire/context.ts';
import { streamIdFromWords, type StreamId } from '../wire/stream-id.ts';
import { bytesGiven } from './bytes-given.ts';
import { Connection } from './connection.ts';
import type { ContractViolation } from './contract-violation.ts';
import { LiveStream, type HostStream, type OpenStreamOptions } from './streams/host-stream.ts';
import { checkIdleMs } from './streams/idle-time.ts';
import type { LateLink } from './streams/late-link.ts';
import { mayBeIgnored } from './handed-out.ts';
import { contextOf, type InvocationOptions } from './invocation-options.ts';
import type {
  HostSessionOptions,
  InitializeOptions,
  KvNotification,
  SessionStats,
} from './session-options.ts';
import type { Transport } from './transport/transport.ts';

/** This host's abilities beyond the first version of the protocol. */
const UNDERSTOOD = ['progress'];

/**
 * Gives the connection under a session, for tests that write messages by hand which no sound host would write. The package does not
 * export it.
 */
export let connectionOf: (session: HostSession) => Connection;

/**
 * The host's end of one connection, over any transport. It opens streams, pairs answers with requests, counts credit both ways, and
 * checks that the module keeps the contract.
 *
 * When the connection ends, every pending call and stream rejects with `unavailable` and the reason that the transport gives.
 */
export class HostSession {
  readonly #connection: Connection;
  // A prefix for each session, because the logs of two sessions with one module are read together, although their streams never
  // meet.
  readonly #idPrefix = randomBytes(8);
  #nextStream = 1;
  #firstWindow: number;
  #hasInitialized = false;

  static {
    connectionOf = (session) => session.#connection;
  }

  /** Begins to read `transport` at once. */
  constructor(transport: Transport, options: HostSessionOptions = {}) {
    this.#firstWindow = options.firstWindow ?? INITIAL_CREDIT;
    this.#connection = new Connection(transport, options);
  }

  /** The messages and bytes that went over the wire so far. It is always the same object, and it goes on counting. */
  get stats(): SessionStats {
    return this.#connection.stats;
  }

  /** The module's breaches of the contract, in order; empty for a sound module. Only the first 1,000 are kept. */
  get violations(): ContractViolation[] {
    return this.#connection.violations.kept;
  }

  /** The number of violations, including those that are not kept. */
  get violationCount(): number {
    return this.#connection.violations.count;
  }

  /** The error with which the module gave up the connection; `undefined` if it has not. */
  get connectionError(): ModuleError | undefined {
    return this.#connection.saidError;
  }

  /**
   * No stream is live here, so that no frame of the module is awaited.
   *
   * @internal
   */
  get hasNoStreams(): boolean {
    return this.#connection.streams.size === 0;
  }

  /**
   * Optional first call, which a stream with `onProgress` makes by itself if it was not made before. Streams that are opened after its
   * answer use the first window that the module announces.
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
      accepts: init.accepts ?? UNDERSTOOD,
    });
    this.#hasInitialized = true;
    const answer = await this.#connection.call('initialize', payload);
    const initialized = this.#decoded(answer, decodeInitialized);
    // 0 is the schema's default, and stands for the constant.
    const window = initialized.initialCredit === 0 ? INITIAL_CREDIT : initialized.initialCredit;
    if (window >= INITIAL_CREDIT) this.#firstWindow = window;
    else this.#connection.violations.add('firstWindow', '', `A first window of ${window} bytes.`);
    return initialized;
  }

  health(): Promise<HealthReport> {
    return mayBeIgnored(this.#health());
  }

  async #health(): Promise<HealthReport> {
    return this.#decoded(await this.#connection.call('health', EMPTY_PAYLOAD), decodeHealthReport);
  }

  /**
   * Asks the module to drain for at most `drainMs` milliseconds (default 5,000; at most 2^32-1). Resolves when the module's answer,
   * its last message, has come. Rejects with a {@link ModuleError}: `invalidArgument` for a time that is out of this range.
   */
  shutdown(options: { drainMs?: number } = {}): Promise<void> {
    return mayBeIgnored(this.#shutdown(options.drainMs ?? SCHEMA_DEFAULT.drainMs));
  }

  async #shutdown(drainMs: number): Promise<void> {
    if (!Number.isInteger(drainMs) || drainMs < 0 || drainMs > 0xffff_ffff) {
      throw new ModuleError(
        'invalidArgument',
        `A drain time of ${drainMs} ms; it must be a whole number up to 2^32-1.`,
      );
    }
    await this.#connection.call('shutdown', encodeShutdown({ drainMs }));
  }

  /**
   * Sends one unary request; resolves with the body of its answer. Rejects with a {@link ModuleError}: the module's own error,
   * `invalidArgument` for a body that no message can hold, `cancelled` if the signal aborts, or `deadlineExceeded` if the module
   * has not answered within the session's `graceMs` after the deadline.
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
    // The body is a view of the message. If the rest of the message is the larger part, a copy avoids that the caller keeps it.
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
   * Opens a stream. If that is not possible (the signal has aborted, the connection is over, no message can hold the context),
   * nothing is sent, and the returned stream has already failed.
   *
   * @throws ModuleError `invalidArgument` for an id that is live, or a window or deadline that can't be sent
   */
  openStream(method: string, options: OpenStreamOptions = {}): HostStream {
    const connection = this.#connection;
    const context = contextOf(method, options);
    const stream = this.#newStream(options, context.deadlineUnixMs);
    this.#askForProgress(stream);
    try {
      const refusal = connection.refusalOf(options.signal);
      if (refusal !== undefined) throw refusal;
      // The frame is built first, because a stream that can't be opened must not be waited for.
      const open = stream.openFrame(context, options.initialCredit);
      connection.bounds.checkMessage('The context of this stream', open);
      connection.streams.add(stream);
      connection.outbound.write(open);
    } catch (error) {
      // Whatever was wrong, the stream must not listen to its signal any more.
      stream.abandon(
        isModuleError(error) ? error : new ModuleError('internal', 'The stream was never opened.'),
      );
      if (!isModuleError(error)) throw error;
    }
    return stream;
  }

  /**
   * Opens a stream that was made before it was known which session will carry it; `link` is the stream's own.
   *
   * @internal
   * @param stream made for the constant `initialCredit` as its first window; its id must not be live here
   */
  placeStream(
    stream: LiveStream,
    link: LateLink,
    context: InvocationContextInit,
    initialCredit?: number,
  ): void {
    const { over, streams, outbound } = this.#connection;
    if (over !== undefined) {
      stream.abandon(over);
      return;
    }
    this.#askForProgress(stream);
    stream.widen(this.#firstWindow - INITIAL_CREDIT);
    streams.add(stream);
    link.bind(outbound, stream.openFrame(context, initialCredit));
  }

  /**
   * Ends the module's input after the queued messages. The module then cancels everything that runs, and exits. Its answers are
   * still read.
   */
  endInput(): void {
    this.#connection.endInput();
  }

  /** Drops the connection, both ways. */
  close(): void {
    this.#connection.close();
  }

  /** Decodes an answer. An answer that can't be read is a violation and fails the call. */
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
      throw new ModuleError(
        'invalidArgument',
        `A window of ${receive} bytes; it must be a whole number up to 2^32-1.`,
      );
    }
    const windows = { send: this.#firstWindow, receive, autoCredit };
    checkIdleMs(options.idleMs);
    const waits = { unsettled, localEnds, deadlineUnixMs, idleMs: options.idleMs };
    return new LiveStream(outbound, id, windows, !shutdownSent, options.signal, waits, options.onProgress);
  }

  /** A module sends progress only to a host that said in its `initialize` that it takes it. */
  #askForProgress(stream: LiveStream): void {
    if (!stream.takesProgress || this.#hasInitialized) return;
    // Whatever becomes of it, the stream does without.
    this.initialize().catch(() => undefined);
  }

  #newStreamId(): StreamId {
    const number = this.#nextStream++;
    const prefix = this.#idPrefix;
    const high = Math.floor(number / 2 ** 32);
    return streamIdFromWords(prefix.readUInt32BE(0), prefix.readUInt32BE(4), high, number >>> 0);
  }
}
