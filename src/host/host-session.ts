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
import { INITIAL_CREDIT, PROTOCOL_VERSION } from '../wire/flow-limits.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { streamIdFromWords, type StreamId } from '../wire/stream-id.ts';
import { Connection } from './connection.ts';
import type { ContractViolation } from './contract-violation.ts';
import { LiveStream, type HostStream, type OpenStreamOptions } from './streams/host-stream.ts';
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

  /** Optional first call. Streams opened after its answer count with the first window that the module announces. */
  async initialize(init: InitializeOptions = {}): Promise<Initialized> {
    const payload = encodeInitialize({
      protocolVersion: init.protocolVersion ?? PROTOCOL_VERSION,
      runtimeName: init.runtimeName ?? '',
      runtimeVersion: init.runtimeVersion ?? '',
      config: init.config ?? EMPTY_PAYLOAD,
    });
    const answer = await this.#connection.call('initialize', payload);
    const initialized = this.#decoded(answer, decodeInitialized);
    if (initialized.initialCredit < INITIAL_CREDIT) {
      const message = `A first window of ${initialized.initialCredit} bytes.`;
      this.#connection.violations.add('firstWindow', '', message);
    } else this.#firstWindow = initialized.initialCredit;
    return initialized;
  }

  async health(): Promise<HealthReport> {
    return this.#decoded(await this.#connection.call('health', EMPTY_PAYLOAD), decodeHealthReport);
  }

  /** Asks the module to drain for at most `drainMs` (default 5,000) and settles with its answer, the last message. */
  async shutdown(options: { drainMs?: number } = {}): Promise<void> {
    await this.#connection.call('shutdown', encodeShutdown({ drainMs: options.drainMs ?? 5_000 }));
  }

  /** One unary request; the body of its answer. Rejects with the module's {@link ModuleError}. */
  async request(method: string, body: Uint8Array, options: InvocationOptions = {}): Promise<Uint8Array> {
    const payload = encodeHandleRequest({ context: contextOf(method, options), body });
    const answer = await this.#connection.call('handle', payload, options.signal);
    return this.#decoded(answer, decodeHandleResponse).body;
  }

  /** Tells the module of a key-value change; there is no answer. */
  notifyKv(change: KvNotification): void {
    const { key, operation, value = EMPTY_PAYLOAD, version = 0n } = change;
    const payload = encodeKvChange({ key, operation, value, version: BigInt(version) });
    this.#connection.outbound.write(encodeEnvelope('kvChangeNotification', '', payload));
  }

  /**
   * Opens a stream. Where that can't be (a signal that has fired, a connection that is over) nothing is sent, and the stream
   * given is one that has already failed.
   *
   * @throws ModuleError `invalidArgument` for an id that is live, or a window or deadline that can't be sent
   */
  openStream(method: string, options: OpenStreamOptions = {}): HostStream {
    const connection = this.#connection;
    const context = contextOf(method, options);
    const stream = this.#newStream(options);
    const refusal = connection.refusalOf(options.signal);
    if (refusal !== undefined) {
      stream.abandon(refusal);
      return stream;
    }
    // Built first: a stream that can't be opened must not be waited for.
    const open = stream.openFrame(context, options.initialCredit);
    connection.streams.add(stream);
    connection.outbound.write(open);
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

  #newStream(options: OpenStreamOptions): LiveStream {
    const { streams, outbound, shutdownSent } = this.#connection;
    const id = options.id ?? this.#newStreamId();
    if (streams.get(id) !== undefined) {
      throw new ModuleError('invalidArgument', `The stream id ${id} is live.`);
    }
    const { initialCredit: receive = INITIAL_CREDIT, autoCredit = true } = options;
    if (!Number.isInteger(receive) || receive < 0 || receive > 0xffff_ffff) {
      throw new ModuleError('invalidArgument', `A window of ${receive} bytes does not fit its field.`);
    }
    const windows = { send: this.#firstWindow, receive, autoCredit };
    return new LiveStream(outbound, id, windows, !shutdownSent, options.signal);
  }

  #newStreamId(): StreamId {
    const number = this.#nextStream++;
    const prefix = this.#idPrefix;
    const high = Math.floor(number / 2 ** 32);
    return streamIdFromWords(prefix.readUInt32BE(0), prefix.readUInt32BE(4), high, number >>> 0);
  }
}
