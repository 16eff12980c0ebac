import type { TransportEnd } from '../host/transport/transport.ts';
import type { OnService } from '../host/service-table.ts';
import type { Clock } from '../base/clock.ts';
import { ModuleError } from '../errors.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { MalformedError } from '../wire/capnp/malformed.ts';
import { decodeKvChange, type Initialized } from '../wire/payload-decode.ts';
import { Bus, type BusMessage, type Listening } from './bus.ts';
import { openConnection, type NatsOptions, type OpenedConnection } from './connection.ts';
import { answerDiscovery, type NodeFigures } from './discovery.ts';
import { encodeGrant, FULL } from './grant.ts';
import { startModuleChild, type ModuleChild } from './module-child.ts';
import { NodeSessions } from './node-sessions.ts';
import { Places } from './places.ts';
import { Relay } from './relay.ts';
import { DEFAULT_TIMES, type SessionTimes } from './session-times.ts';
import { DECLINE_TOKEN, newNodeId, Subjects, WANT_TOKEN, type NodeId } from './subjects.ts';
import { Tickets } from './tickets.ts';

export interface JoinOptions extends NatsOptions {
  /** The module file that the node serves. */
  readonly file: string | URL;
  /** The name under which clients find it (default: the module's own). */
  readonly name?: string;
  /** In front of all subjects (default `ixt`). */
  readonly prefix?: string;
  readonly workers?: number;
  /** Asynchronous streams that may share a worker (default 1). */
  readonly streamsPerWorker?: number;
  /** Streams and requests at once (default: workers × streamsPerWorker). */
  readonly streams?: number;
  /** How many more may wait in the module for a worker (default 0); 1 for handlers under 50 ms. */
  readonly ahead?: number;
  /** Further flags of `serve`. */
  readonly args?: readonly string[];
  /** The configuration that the module's `onInit` gets. */
  readonly config?: Uint8Array;
  /** Answers what handlers ask of their host; without it they get `unimplemented`. */
  readonly onService?: OnService;
  readonly onStderr?: (text: string) => void;
  /** One line for whoever operates the node. */
  readonly onLog?: (line: string) => void;
  /** For tests. */
  readonly times?: Partial<SessionTimes>;
}

/** How a node ended: by `close`, or because its module or its NATS connection did. */
export interface NodeEnd {
  readonly cause: 'closed' | 'module' | 'connection';
  readonly message: string;
}

/** After its drain a module may take so long to go away before it is killed. */
const EXIT_GRACE_MS = 10_000;
/** How long the last frames may take to the clients when all else has ended. */
const LAST_WORDS_MS = 1_000;
const POLL_MS = 20;

const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Starts a module child and offers its places on NATS, until `close` or the end of the module.
 *
 * @throws ModuleError `unavailable` where NATS can't be used or the module doesn't start, `invalidArgument` for a name that can't be
 *   part of a subject
 */
export async function joinModule(options: JoinOptions): Promise<ModuleNode> {
  const opened = await openConnection(options, '_INBOX');
  const child = startModuleChild({
    file: options.file,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    args: [
      ...(options.streamsPerWorker === undefined
        ? []
        : ['--streams-per-worker', String(options.streamsPerWorker)]),
      ...(options.args ?? []),
    ],
    ...(options.onStderr === undefined ? {} : { onStderr: options.onStderr }),
  });
  const node = new ModuleNode(options, opened, child);
  try {
    await node.start();
    return node;
  } catch (error) {
    child.kill();
    if (opened.isOurs) await opened.connection.close();
    throw error instanceof ModuleError
      ? error
      : new ModuleError('unavailable', `The NATS server refuses a node: ${String(error)}`, { cause: error });
  }
}

/** One process that serves a module to many clients. */
export class ModuleNode {
  readonly id: NodeId = newNodeId();
  /** Settles when the node has ended. Never rejects. */
  readonly ended: Promise<NodeEnd>;
  readonly #options: JoinOptions;
  readonly #times: SessionTimes;
  readonly #opened: OpenedConnection;
  readonly #child: ModuleChild;
  readonly #bus: Bus;
  #name = '';
  #served: Served | undefined;
  #moduleEnd: TransportEnd | undefined;
  #closing: Promise<NodeEnd> | undefined;
  #hasEnded: (end: NodeEnd) => void = () => undefined;

  /** @internal `joinModule` makes nodes */
  constructor(options: JoinOptions, opened: OpenedConnection, child: ModuleChild) {
    this.#options = options;
    this.#times = { ...DEFAULT_TIMES, ...options.times };
    this.#opened = opened;
    this.#child = child;
    this.#bus = new Bus(opened.connection);
    this.ended = new Promise((resolve) => (this.#hasEnded = resolve));
  }

  /** The module's own name, or the one that it was given. */
  get name(): string {
    return this.#name;
  }

  get figures(): NodeFigures {
    const { places, sessions, slots } = this.#served ?? {};
    const { capacity = 0, live = 0, held = 0 } = places ?? {};
    return { capacity, live, held, queued: Math.max(0, live - (slots ?? 0)), sessions: sessions?.size ?? 0 };
  }

  /**
   * Waits for the module, then takes its place among the nodes.
   *
   * @internal
   */
  async start(): Promise<void> {
    // Capacity is known when the module has said how many workers it has; nothing uses a place before.
    let onChange = (): void => undefined;
    const capacity = (info: Initialized): number =>
      (this.#options.streams ?? info.workers * (this.#options.streamsPerWorker ?? 1)) +
      (this.#options.ahead ?? 0);
    const places = new Places(REAL_CLOCK, this.#times, () => onChange());
    const relay = new Relay(this.#child.transport, places, {
      ...(this.#options.onService === undefined ? {} : { onService: this.#options.onService }),
      onEnd: (end) => this.#onModuleEnd(end),
    });
    const info = await relay.initialize(this.#options.config);
    places.capacity = capacity(info);
    const subjects = new Subjects(this.#options.prefix ?? 'ixt', this.#options.name ?? info.moduleName);
    this.#name = subjects.module;
    const sessions = new NodeSessions(this.#bus, relay, places, this.#times, (session) =>
      subjects.session(this.id, session),
    );
    const grant = (reply: string): void => {
      if (reply === '') return;
      const place = places.promise();
      const answer = { node: this.id, place, now: Date.now(), window: relay.firstWindow };
      this.#bus.publish(reply, encodeGrant(answer));
    };
    const tickets = new Tickets(this.#bus, subjects.want, places, ({ reply }) => grant(reply));
    onChange = () => tickets.refresh();
    let isDraining = false;
    const listening = [
      this.#bus.listen(subjects.allOf(this.id), (message) => {
        if (message.token === WANT_TOKEN) {
          if (!isDraining && places.free > 0) grant(message.reply);
          else if (message.reply !== '') this.#bus.publish(message.reply, FULL);
        } else if (message.token === DECLINE_TOKEN) places.decline(new TextDecoder().decode(message.data));
        else sessions.recv(message);
      }),
      this.#bus.listen(subjects.kv, (message) => forwardKv(relay, message)),
      ...answerDiscovery(this.#bus, {
        node: this.id,
        version: info.moduleVersion,
        subjects,
        figures: () => this.figures,
        taken: () => places.taken,
      }),
    ];
    this.#served = {
      places,
      relay,
      sessions,
      listening,
      slots: places.capacity - (this.#options.ahead ?? 0),
      stopAsks: () => {
        isDraining = true;
        tickets.close();
      },
    };
    this.#bus.watch({
      onDown: () => {
        tickets.withdraw();
        this.#log('The connection to NATS is down.');
      },
      onUp: () => {
        tickets.refresh();
        sessions.reconnected();
        this.#log('The connection to NATS is up again.');
      },
      onRefused: (error) => this.#log(`The NATS server refuses: ${error.message}`),
      onClosed: () => {
        this.#closing ??= this.#end({ cause: 'connection', message: 'The connection to NATS is closed.' });
      },
    });
    tickets.refresh();
    await this.#bus.settle();
    // It may have ended while the server was asked.
    if (this.#moduleEnd !== undefined) throw new ModuleError('unavailable', this.#moduleEnd.message);
  }

  /**
   * Takes no more streams, lets those that it has end for at most `drainMs` (default 5,000), and ends. What is left then is
   * cancelled. Streams that were promised a place are still taken.
   */
  close(options: { readonly drainMs?: number } = {}): Promise<NodeEnd> {
    return (this.#closing ??= this.#close(options.drainMs ?? 5_000));
  }

  async #close(drainMs: number): Promise<NodeEnd> {
    const served = this.#served;
    if (served !== undefined) {
      const { places, relay } = served;
      const until = performance.now() + drainMs;
      served.stopAsks();
      await this.#until(
        until,
        () => (places.held === 0 && places.live === 0) || this.#moduleEnd !== undefined,
      );
      const killer = setTimeout(() => this.#child.kill(), drainMs + EXIT_GRACE_MS);
      // A module that is gone already has nothing to drain.
      await relay.shutdown(Math.max(0, Math.round(until - performance.now()))).catch(() => undefined);
      relay.endInput();
      await this.#child.exited;
      clearTimeout(killer);
    }
    return this.#end({ cause: 'closed', message: 'The node was closed.' });
  }

  #onModuleEnd(end: TransportEnd): void {
    this.#moduleEnd = end;
    if (this.#served !== undefined) this.#closing ??= this.#end({ cause: 'module', message: end.message });
  }

  async #end(end: NodeEnd): Promise<NodeEnd> {
    const served = this.#served;
    this.#served = undefined;
    if (served !== undefined) {
      const { sessions, listening, places } = served;
      served.stopAsks();
      await this.#until(performance.now() + LAST_WORDS_MS, () => sessions.isQuiet || !this.#bus.isUp);
      sessions.close(end.cause === 'closed' ? 'it has left' : end.message);
      places.close();
      for (const subscription of listening) subscription.stop();
    }
    this.#child.kill();
    if (this.#opened.isOurs) await this.#bus.close();
    this.#hasEnded(end);
    return end;
  }

  /** Looks again and again: what is waited for depends on clients, timers and the module, and nobody else asks. */
  async #until(deadline: number, isReached: () => boolean): Promise<void> {
    while (!isReached() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #log(line: string): void {
    this.#options.onLog?.(line);
  }
}

/** All of a node that is there once the module has started. */
interface Served {
  readonly places: Places;
  readonly relay: Relay;
  readonly sessions: NodeSessions;
  readonly listening: readonly Listening[];
  /** Places that have a worker of their own. */
  readonly slots: number;
  readonly stopAsks: () => void;
}

function forwardKv(relay: Relay, { data }: BusMessage): void {
  try {
    decodeKvChange(data);
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    relay.stats.stray += 1;
    return;
  }
  relay.write(encodeEnvelope('kvChangeNotification', '', data));
}
