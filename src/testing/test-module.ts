import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MethodOf, ReceivedFrom, SentTo } from '../host/client/client-types.ts';
import { HostSession } from '../host/host-session.ts';
import type { InvocationOptions } from '../host/invocation-options.ts';
import type { HostStream, OpenStreamOptions } from '../host/streams/host-stream.ts';
import type { OnService } from '../host/service-table.ts';
import { DEFAULT_OPTIONS, type ServeOptions } from '../main/options.ts';
import { holdProcess, releaseProcess } from '../host/transport/process-hold.ts';
import { Main } from '../main/main.ts';
import { ThreadLinks } from '../main/workers/thread-links.ts';
import type { LinkSource } from '../main/workers/worker-link.ts';
import { shapeOf } from '../methods/shape.ts';
import type { ModuleDefinition, StreamHandlers } from '../module.ts';
import type { Stats } from '../base/stats.ts';
import { MAX_CREDIT } from '../wire/flow-limits.ts';
import type { StreamId } from '../wire/stream-id.ts';
import { checkModule } from '../worker/module-loader.ts';
import type { ChunkSizes } from './chunks.ts';
import { checkTerminal, FrameLedger, type FrameCounts } from './frame-ledger.ts';
import { LocalLinks, SPARE_SLOTS, type WouldBlockError } from './local-threads.ts';
import { MemoryWire } from './memory-wire.ts';
import { setTimeout, turn } from './real-time.ts';
import { TestClock } from './test-clock.ts';
import { neverWaiting, TestStream } from './test-stream.ts';
import { WorkerKills } from './worker-kills.ts';
import { streamRun } from '../threads/manifest.ts';
import type { WorkerSettings } from '../threads/messages.ts';
import { DEFAULT_WIRE_LIMITS } from '../wire/capnp/limits.ts';

/** The limits and the defaults are those of `ixt-module serve`, except that there is one worker unless `workers` says otherwise. */
export interface TestModuleOptions extends Partial<
  Pick<
    ServeOptions,
    | 'workers'
    | 'streamsPerWorker'
    | 'maxQueue'
    | 'receiveWindow'
    | 'maxMessageBytes'
    | 'cancelGraceMs'
    | 'workerHeapMb'
  >
> {
  /**
   * The module's file. Its handlers then run in real worker threads, where they may block, and can be ended. Left out, they run
   * on the thread of the test.
   */
  readonly file?: string | URL;
  /** The bytes that `onInit` gets. */
  readonly config?: Uint8Array;
  /** Answers the requests of handlers to their host. */
  readonly onService?: OnService;
  /** The sizes of the chunks in which each side reads the wire (default: as they were written). */
  readonly wireChunks?: ChunkSizes;
  /** The module's time at the start, in milliseconds since the epoch (default: the time of the call). */
  readonly now?: number;
}

/** How long a handler on a thread of its own may take to notice the end, in ms of real time. */
const CLOSE_MS = 2000;

/** A module under test, and its host. */
export class TestModule<H extends StreamHandlers = StreamHandlers> {
  /** The host's end, for everything that is no typed stream: requests, key-values, health. */
  readonly session: HostSession;
  /** The lines that main would have written to standard error. */
  readonly logs: string[] = [];
  readonly #options: TestModuleOptions;
  readonly #definition: ModuleDefinition<H>;
  readonly #clock: TestClock;
  readonly #wire: MemoryWire;
  readonly #watch = new FrameLedger();
  readonly #streams: { readonly id: StreamId; readonly counts: FrameCounts }[] = [];
  readonly #kills = new WorkerKills((slot) => this.#main.killWorker(slot, 'the test killed it'));
  readonly #blocked: WouldBlockError[] = [];
  readonly #main: Main;
  #endLocalThreads = (): void => {};
  #exitCode: number | undefined;
  readonly #exited: Promise<void>;
  #hasExited: () => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(definition: ModuleDefinition<H>, options: TestModuleOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#clock = new TestClock(options.now ?? Date.now());
    this.#wire = new MemoryWire(options.wireChunks);
    this.#exited = new Promise((resolve) => (this.#hasExited = resolve));
    this.#main = this.#startMain();
    this.session = new HostSession(this.#wire.transport, {
      ...(options.onService === undefined ? {} : { onService: options.onService }),
      // Deadlines count by the module's clock here, and it always answers.
      graceMs: Infinity,
      onWire: (direction, message) => {
        if (direction === 'in') this.#onMessage(message);
        else this.#watch.sent(message);
      },
    });
  }

  /** Waits until the module is loaded and has its config. */
  async start(): Promise<void> {
    const { config } = this.#options;
    try {
      await this.session.initialize(config === undefined ? {} : { config });
    } catch (error) {
      throw new Error(this.logs.at(-1) ?? (error as Error).message, { cause: error });
    }
  }

  /** Opens a stream, in the types of its method. A limit that is left out is the protocol's. */
  open<K extends (keyof H & string) | (string & {})>(
    method: K,
    options: OpenStreamOptions = {},
  ): TestStream<SentTo<MethodOf<H, K>>, ReceivedFrom<MethodOf<H, K>>> {
    const { stream, counts } = this.#open(method, options);
    const { input, output } = shapeOf(this.#entryOf(method));
    const owner = {
      settled: () => this.settled(),
      killWorker: (afterFrames: number) => this.#kills.killAfter(stream.id, afterFrames, counts.data),
    };
    return new TestStream(stream, input.codec, output.codec, counts, owner) as never;
  }

  /** As every host: opens a stream of bytes, so that `withMethods` takes a module under test, too. */
  openStream(method: string, options: OpenStreamOptions = {}): HostStream {
    return this.#open(method, options).stream;
  }

  /** As every host: sends one unary request. */
  request(method: string, body: Uint8Array, options?: InvocationOptions): Promise<Uint8Array> {
    return this.session.request(method, body, options);
  }

  #open(method: string, options: OpenStreamOptions): { stream: HostStream; counts: FrameCounts } {
    const startsAtEnd = this.#startsAtEnd(method);
    // A handler that the test can't grant anything while it runs gets as much as there is.
    const credit = startsAtEnd ? { initialCredit: MAX_CREDIT } : {};
    const opens = this.#watch.opens;
    const stream = this.session.openStream(method, { ...credit, ...options });
    const counts = this.#watch.begin(stream.id);
    // A stream that could not be opened, because its signal had aborted, say, is owed no terminal frame.
    if (this.#watch.opens > opens) this.#streams.push({ id: stream.id, counts });
    return { stream: startsAtEnd ? neverWaiting(stream) : stream, counts };
  }

  /** The module's entry for a stream method; `undefined` if it has none, or one handler for all. */
  #entryOf(method: string): unknown {
    const table: unknown = this.#definition.onServerStream;
    const isTable = typeof table === 'object' && table !== null && Object.hasOwn(table, method);
    return isTable ? (table as Record<string, unknown>)[method] : undefined;
  }

  /** The module's time, in milliseconds since the epoch: what a deadline counts from. */
  now(): number {
    return this.#clock.now();
  }

  /**
   * The module's figures. Times are by its clock, except for the waits and the CPU time of handlers and the delay of main, which are
   * real.
   */
  stats(): Stats {
    return this.#main.stats();
  }

  /** Lets what is on its way arrive, and then `ms` of the module's time pass, by which deadlines, grace and drain times count. */
  async advance(ms: number): Promise<void> {
    await this.settled();
    this.#clock.advance(ms);
    await this.settled();
  }

  /**
   * Resolves when nothing is on its way any more between host and module, and handlers on the test's thread have had their
   * turns. Handlers on threads of their own take their own time: wait for what they send.
   */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < 4;) {
      await turn();
      quiet = this.#wire.isIdle ? quiet + 1 : 0;
    }
  }

  /**
   * Ends the module as a host does that goes away.
   *
   * @throws Error if the module broke the contract, a stream had not exactly one terminal frame, a handler would have blocked
   *   the test's thread, or the module has ended by itself
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    holdProcess();
    try {
      await this.#end();
    } finally {
      releaseProcess();
    }
    const [blocked] = this.#blocked;
    if (blocked !== undefined) throw blocked;
    const [violation] = this.session.violations;
    if (violation !== undefined) throw violation;
    if (this.#exitCode !== 0) throw new Error(this.#howItEnded());
    for (const { id, counts } of this.#streams) checkTerminal(id, counts);
  }

  async #end(): Promise<void> {
    const { cancelGraceMs = DEFAULT_OPTIONS.cancelGraceMs } = this.#options;
    await this.settled();
    this.session.endInput();
    await this.#exitsWithin(CLOSE_MS);
    // Handlers that don't listen: what is left of the ladder.
    for (const ms of [cancelGraceMs, 1000]) {
      if (this.#exitCode !== undefined) break;
      this.#clock.advance(ms);
      await this.#exitsWithin(CLOSE_MS);
    }
    await this.#exited;
  }

  #howItEnded(): string {
    return [`The module has ended with code ${this.#exitCode}.`, ...this.logs].join('\n');
  }

  /** Waits for the exit. Handlers on the test's thread are as far as they get after a few turns; others get `ms` of real time. */
  async #exitsWithin(ms: number): Promise<void> {
    await this.settled();
    if (this.#options.file === undefined || this.#exitCode !== undefined) return;
    const late = new Promise<void>((resolve) => void setTimeout(resolve, ms).unref());
    await Promise.race([this.#exited, late]);
  }

  #startMain(): Main {
    const { file, workers = 1 } = this.#options;
    const limits = Object.fromEntries(
      Object.entries({ ...DEFAULT_OPTIONS, ...this.#options }).filter(([key]) => key in DEFAULT_OPTIONS),
    ) as typeof DEFAULT_OPTIONS;
    const path = file === undefined ? '' : file instanceof URL ? fileURLToPath(file) : resolve(file);
    const options: ServeOptions = {
      ...limits,
      workers,
      file: path,
      input: -1,
      output: -1,
      // The test says when time passes, and must not have to for a thread to end.
      lingerMs: 0,
      maxLingering: file === undefined ? SPARE_SLOTS : 0,
    };
    const wireLimits = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: options.maxMessageBytes };
    return new Main(options, {
      clock: this.#clock,
      log: (line) => void this.logs.push(line),
      openSink: () => this.#wire.sink,
      openSource: (events) => this.#wire.openSource(events),
      openLinks: (settings) => {
        const links =
          file === undefined ? this.#localLinks(settings) : this.#threadLinks(settings, options.workerHeapMb);
        return this.#kills.watch(links, wireLimits);
      },
      exit: (code, endThreads) => void this.#exit(code, endThreads),
    });
  }

  #localLinks(settings: WorkerSettings): LinkSource {
    const links = new LocalLinks({
      definition: this.#definition,
      settings,
      write: (bytes, offset, length) => this.#wire.attemptWrite(bytes, offset, length),
      onWouldBlock: (error) => void this.#blocked.push(error),
    });
    // Handlers on the test's thread can't be ended: once the module has, nobody waits for them.
    this.#endLocalThreads = () => links.exitAll();
    return links;
  }

  #threadLinks(settings: WorkerSettings, workerHeapMb: number): LinkSource {
    const log = (line: string): void => void this.logs.push(line);
    return new ThreadLinks({ settings, workerHeapMb, holdsProcess: false, log });
  }

  async #exit(code: number, endThreads: () => Promise<void>): Promise<void> {
    if (this.#exitCode !== undefined) return;
    this.#exitCode = code;
    const ended = endThreads();
    this.#endLocalThreads();
    await ended;
    await this.#wire.end({ clean: code === 0, message: this.#howItEnded() });
    this.#hasExited();
  }

  #startsAtEnd(method: string): boolean {
    if (this.#options.file !== undefined) return false;
    // Loaded once already: it can't fail.
    const { manifest } = checkModule(this.#definition, 'given to testModule');
    return streamRun(manifest, method)?.mode === 'sync';
  }

  #onMessage(message: Uint8Array): void {
    const seen = this.#watch.see(message);
    if (seen !== undefined) this.#kills.arrived(seen.id, seen.counts.data);
  }
}
