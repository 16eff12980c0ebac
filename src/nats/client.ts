import { randomBytes } from 'node:crypto';
import { textOf } from '../base/thrown.ts';
import { ModuleError } from '../errors.ts';
import { abortReason, contextOf, type InvocationOptions } from '../host/invocation-options.ts';
import type { ModuleHost } from '../host/module-host.ts';
import type { HostSessionOptions, InitializeOptions, KvNotification } from '../host/session-options.ts';
import type { HostStream, OpenStreamOptions } from '../host/streams/host-stream.ts';
import { checkIdleMs } from '../host/streams/idle-time.ts';
import type { InvocationContextInit } from '../wire/context.ts';
import { EMPTY_PAYLOAD } from '../wire/envelope.ts';
import { INITIAL_CREDIT } from '../wire/flow-limits.ts';
import type { HealthReport, Initialized } from '../wire/payload-decode.ts';
import { encodeKvChange } from '../wire/payload-encode.ts';
import { streamIdFromWords, type StreamId } from '../wire/stream-id.ts';
import { Bus, type BusMessage } from './bus.ts';
import { ClientSessions } from './client-sessions.ts';
import { openConnection, type NatsOptions, type OpenedConnection } from './connection.ts';
import { CallDeadlines, contextForNode } from './call-deadlines.ts';
import type { NodeInfo } from './discovery.ts';
import type { Grant } from './grant.ts';
import { NodeAsks } from './node-asks.ts';
import { NodeStream } from './node-stream.ts';
import { ClientPlaces } from './client-places.ts';
import type { Waiting } from './place-line.ts';
import { DEFAULT_TIMES, type SessionTimes } from './session-times.ts';
import { checkTokens, randomId, Subjects } from './subjects.ts';

export interface ConnectModuleOptions
  extends NatsOptions, Pick<HostSessionOptions, 'limits' | 'graceMs' | 'onViolation' | 'onWire'> {
  /** The name under which the nodes have joined. */
  readonly name: string;
  /** In front of all subjects (default `ixt`). */
  readonly prefix?: string;
  /** In front of the subjects that are this client's alone (default `_INBOX`): permissions are given for it. */
  readonly inboxPrefix?: string;
  /** How long a stream or request waits for a place, in ms (default 60,000). */
  readonly placeMs?: number;
  /** For tests. */
  readonly times?: Partial<SessionTimes>;
}

export interface NodeStreamOptions extends OpenStreamOptions {
  /** The id of a node: the stream runs there or nowhere, for what is cached in its workers. */
  readonly node?: string;
}

/** Bytes that may be on the way to a client for all its streams together. A server cuts off a client as too slow at 64 MB. */
const ALL_WINDOWS = 16 << 20;
const SMALLEST_WINDOW = 4_096;

/**
 * Connects to a module that nodes serve on NATS.
 *
 * @throws ModuleError `unavailable` where NATS can't be used, `invalidArgument` for a name that can't be part of a subject
 */
export async function connectModule(options: ConnectModuleOptions): Promise<NatsModule> {
  const { name, prefix = 'ixt', inboxPrefix = '_INBOX' } = options;
  const subjects = new Subjects(prefix, name);
  checkTokens('inbox prefix', inboxPrefix);
  const opened = await openConnection(options, inboxPrefix);
  const module = new NatsModule(options, subjects, `${inboxPrefix}.${randomId()}`, opened);
  try {
    await module.start();
    return module;
  } catch (cause) {
    await module.close({ drainMs: 0 });
    throw new ModuleError('unavailable', `The NATS server refuses this client: ${textOf(cause)}`, {
      cause,
    });
  }
}

/** A module on any number of nodes, as one module. */
export class NatsModule implements ModuleHost {
  readonly #options: ConnectModuleOptions;
  readonly #times: SessionTimes;
  readonly #subjects: Subjects;
  readonly #inbox: string;
  readonly #opened: OpenedConnection;
  readonly #bus: Bus;
  readonly #sessions: ClientSessions;
  readonly #places: ClientPlaces;
  readonly #deadlines: CallDeadlines;
  readonly #asks: NodeAsks;
  readonly #liveIds = new Set<StreamId>();
  readonly #idPrefix = randomBytes(8);
  readonly #timer: NodeJS.Timeout;
  #nextStream = 1;
  #lastTick = performance.now();
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void)[] = [];
  #calls = 0;

  /** @internal `connectModule` makes clients */
  constructor(options: ConnectModuleOptions, subjects: Subjects, inbox: string, opened: OpenedConnection) {
    this.#options = options;
    this.#times = {
      ...DEFAULT_TIMES,
      ...(options.placeMs === undefined ? {} : { placeMs: options.placeMs }),
      ...options.times,
    };
    this.#subjects = subjects;
    this.#inbox = inbox;
    this.#opened = opened;
    this.#bus = new Bus(opened.connection);
    this.#sessions = new ClientSessions(this.#bus, subjects, inbox, this.#times, this.#sessionOptions());
    this.#deadlines = new CallDeadlines(this.#times.placeMs, options.graceMs);
    this.#places = new ClientPlaces(this.#bus, subjects, inbox, this.#times);
    this.#asks = new NodeAsks(this.#bus, subjects, inbox);
    this.#timer = setInterval(() => this.#tick(), this.#times.tickMs);
    this.#bus.watch({
      onDown: () => undefined,
      onUp: () => {
        this.#sessions.reconnected();
        this.#places.wake();
      },
      onRefused: (error) => this.#places.failAll(`The NATS server refuses it: ${error.message}`),
      onClosed: () => {
        this.#places.failAll('The connection to NATS is closed.');
        this.#sessions.close('the connection to NATS is closed');
      },
    });
  }

  /**
   * Listens for what comes to this client.
   *
   * @throws Error what the server refuses
   * @internal
   */
  async start(): Promise<void> {
    // One subscription for everything, and the server has it before the first ask: an answer can't come before it.
    this.#bus.listen(`${this.#inbox}.*`, (message) => this.#recv(message));
    await this.#bus.settle();
  }

  /**
   * The module's description of itself, from one of its nodes; waits until there is one.
   *
   * @throws ModuleError `invalidArgument` for a `config`: it is given where a node joins
   */
  async initialize(init: InitializeOptions = {}): Promise<Initialized> {
    if (init.config !== undefined && init.config.length > 0) {
      throw new ModuleError(
        'invalidArgument',
        'Over NATS the config is the node’s: give it where the module joins.',
      );
    }
    const session = await this.#anySession();
    const initialized = await session.call(() => session.host.initialize(init));
    this.#sessions.init = init;
    return initialized;
  }

  /** How one of the nodes is; `nodes` tells of all. */
  async health(): Promise<HealthReport> {
    const session = await this.#anySession();
    return session.call(() => session.host.health());
  }

  /** The nodes that answer within a second, each with how busy it is. */
  nodes(): Promise<NodeInfo[]> {
    return this.#asks.all();
  }

  async request(method: string, body: Uint8Array, options: InvocationOptions = {}): Promise<Uint8Array> {
    const context = contextOf(method, options);
    const { grant, roundTripMs } = await this.#placeForRequest(context, options.signal);
    return await this.#deadlines.limit(context, this.#requestAt(grant, roundTripMs, context, body, options));
  }

  async #requestAt(
    grant: Grant,
    roundTripMs: number,
    context: InvocationContextInit,
    body: Uint8Array,
    { signal }: InvocationOptions,
  ): Promise<Uint8Array> {
    const session = this.#sessions.of(grant);
    this.#calls += 1;
    try {
      return await session.call(() => {
        session.channel.claim(grant.place);
        return session.host.request(context.method ?? '', body, {
          context: contextForNode(context, grant, roundTripMs),
          ...(signal === undefined ? {} : { signal }),
        });
      });
    } finally {
      this.#calls -= 1;
      this.#ended();
    }
  }

  /**
   * Tells every node that is up, each at most once.
   *
   * @throws ModuleError `invalidArgument` for a change larger than a NATS message may be
   */
  notifyKv(change: KvNotification): void {
    const { key, operation, value = EMPTY_PAYLOAD, version = 0n } = change;
    const payload = encodeKvChange({ key, operation, value, version: BigInt(version) });
    if (payload.length > this.#bus.maxPayload) {
      const message = `The change of '${key}' takes ${payload.length} bytes, and the NATS server takes ${this.#bus.maxPayload}.`;
      throw new ModuleError('invalidArgument', message);
    }
    this.#bus.publish(this.#subjects.kv, payload);
  }

  /**
   * Opens a stream, which waits until a node has a place for it. What is sent meanwhile waits with it, and so do `cancel` and the
   * deadline.
   *
   * @throws ModuleError `invalidArgument` for an id that is live, a window or deadline that can't be sent, or what is no node's id
   */
  openStream(method: string, options: NodeStreamOptions = {}): HostStream {
    const context = contextOf(method, options);
    const id = options.id ?? this.#newStreamId();
    if (this.#liveIds.has(id)) throw new ModuleError('invalidArgument', `The stream id ${id} is live.`);
    const receive = options.initialCredit ?? this.#window();
    if (!Number.isInteger(receive) || receive < 0 || receive > 0xffff_ffff) {
      throw new ModuleError('invalidArgument', `A window of ${receive} bytes does not fit its field.`);
    }
    const line = this.#places.lineOf(options.node);
    const { autoCredit = true, signal } = options;
    const windows = { send: INITIAL_CREDIT, maxSendBalance: INITIAL_CREDIT, receive, autoCredit };
    let stopTimer = (): void => undefined;
    checkIdleMs(options.idleMs);
    const waits = { ...this.#deadlines.waitsOf(context), idleMs: options.idleMs };
    const onOver = (): void => {
      stopTimer();
      line.remove(waiting);
      this.#liveIds.delete(id);
      this.#ended();
    };
    const stream = new NodeStream(id, windows, signal, waits, onOver, options.onProgress);
    const waiting: Waiting = {
      place: (grant, roundTripMs) => {
        stopTimer();
        stream.placed();
        const session = this.#sessions.of(grant);
        session.channel.claim(grant.place);
        const { link } = stream;
        session.host.placeStream(stream, link, contextForNode(context, grant, roundTripMs), receive);
      },
      fail: (error) => stream.abandon(error),
    };
    this.#liveIds.add(id);
    const refusal = this.#refusalOf(signal);
    if (refusal !== undefined) stream.abandon(refusal);
    else {
      stopTimer = this.#deadlines.whileWaiting(context, (error) => stream.abandon(error));
      line.add(waiting);
    }
    return stream;
  }

  /** Lets streams and requests end for at most `drainMs` (default 5,000), cancels the rest, and leaves. The nodes stay. */
  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options.drainMs ?? 5_000));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drainMs: number): Promise<void> {
    this.#places.failAll('This client is closed.');
    if (this.#liveIds.size > 0 || this.#calls > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#whenIdle.push(resolve);
        timer = setTimeout(resolve, drainMs);
      });
      clearTimeout(timer);
    }
    clearInterval(this.#timer);
    this.#sessions.close('the client has left');
    if (this.#opened.isOurs) await this.#bus.close();
  }

  /** Something has ended, so that its place is free, or will be in a moment. */
  #ended(): void {
    this.#places.wake();
    if (this.#liveIds.size > 0 || this.#calls > 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  #recv(message: BusMessage): void {
    if (!this.#sessions.recv(message) && !this.#asks.recv(message)) this.#places.recv(message);
  }

  #tick(): void {
    const now = performance.now();
    const elapsed = now - this.#lastTick;
    this.#lastTick = now;
    this.#sessions.tick(elapsed);
    this.#places.tick();
  }

  #refusalOf(signal: AbortSignal | undefined): ModuleError | undefined {
    if (this.#closing !== undefined) return new ModuleError('unavailable', 'This client is closed.');
    return signal?.aborted === true ? new ModuleError('cancelled', abortReason(signal)) : undefined;
  }

  /** Waits for a node with room for a request. */
  #placeForRequest(
    context: InvocationContextInit,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly grant: Grant; readonly roundTripMs: number }> {
    const refusal = this.#refusalOf(signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const line = this.#places.lineOf(undefined);
      const settle = (action: () => void): void => {
        line.remove(waiting);
        signal?.removeEventListener('abort', onAbort);
        stopTimer();
        action();
      };
      const fail = (error: ModuleError): void => settle(() => reject(error));
      const onAbort = (): void => {
        if (signal !== undefined) fail(new ModuleError('cancelled', abortReason(signal)));
      };
      const waiting: Waiting = {
        place: (grant, roundTripMs) => settle(() => resolve({ grant, roundTripMs })),
        fail,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const stopTimer = this.#deadlines.whileWaiting(context, fail);
      line.add(waiting);
    });
  }

  /** A session with some node, for what takes no place. */
  async #anySession(): Promise<ReturnType<ClientSessions['any']> & object> {
    const until = performance.now() + this.#times.placeMs;
    while (performance.now() < until && this.#closing === undefined) {
      const there = this.#sessions.any();
      if (there !== undefined) return there;
      const node = await this.#asks.first();
      if (node !== undefined) return this.#sessions.hello(node);
    }
    throw new ModuleError(
      'unavailable',
      this.#closing === undefined
        ? `No node of ${this.#subjects.module} has answered within ${this.#times.placeMs} ms.`
        : 'This client is closed.',
    );
  }

  /** The first window of one more stream: smaller, the more there are. */
  #window(): number {
    const share = Math.floor(ALL_WINDOWS / (this.#liveIds.size + 1));
    return Math.max(SMALLEST_WINDOW, Math.min(INITIAL_CREDIT, share));
  }

  #newStreamId(): StreamId {
    const number = this.#nextStream++;
    const prefix = this.#idPrefix;
    const high = Math.floor(number / 2 ** 32);
    return streamIdFromWords(prefix.readUInt32BE(0), prefix.readUInt32BE(4), high, number >>> 0);
  }

  #sessionOptions(): HostSessionOptions {
    const { limits, onViolation, onWire } = this.#options;
    return {
      // A session knows deadlines by the node's clock; the client acts on them by its own.
      graceMs: Infinity,
      ...(limits === undefined ? {} : { limits }),
      ...(onViolation === undefined ? {} : { onViolation }),
      ...(onWire === undefined ? {} : { onWire }),
    };
  }
}
