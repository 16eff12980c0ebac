import { decodeHealth, decodeInitialize, decodeShutdown } from '../../wire/payload-decode.ts';
import { encodeHealthReport, encodeInitialized } from '../../wire/payload-encode.ts';
import { EMPTY_PAYLOAD } from '../../wire/envelope.ts';
import { noWorker } from '../calls/admission.ts';
import { INITIAL_CREDIT, PROTOCOL_VERSION } from '../../wire/flow-limits.ts';
import { EXIT, type ServeOptions } from '../options.ts';
import type { Answers } from '../output/answers.ts';
import { LAST_WRITE_MS, onceHostStopsReading } from '../output/host-stall.ts';
import type { Clock } from '../../base/clock.ts';
import { orElse } from '../../base/or-else.ts';
import type { Manifest } from '../../threads/manifest.ts';

/** The parts of main that the {@link Lifecycle} acts on. */
export interface LifecycleHost {
  readonly options: ServeOptions;
  readonly clock: Clock;
  /** Sets `Initialize.config` for the copies of the module that have run no handler yet. */
  configure(config: Uint8Array): void;
  /** Progress frames may go to the host from here on. */
  acceptProgress(): void;
  /** Makes main accept no new work from here on. */
  drain(): void;
  cancelAll(reason: string): void;
  /** Resolves when no call runs or waits any more. */
  workDone(): Promise<void>;
  /** Runs `onClose` of the module's copies. Resolves when all have ended. */
  closeModules(): Promise<void>;
  /** From here on messages of the host are ignored, and no request of a handler goes out. */
  stopListening(): void;
  /** Resolves when every accepted byte has been written. */
  flushed(): Promise<void>;
  /** Bytes that the host has taken so far; `undefined` if none wait for it. */
  taken(): number | undefined;
  /** The figures of the health report that other parts keep. */
  figures(): Omit<Parameters<typeof encodeHealthReport>[0], 'status' | 'uptimeMs' | 'rssBytes'>;
  /** The reason why no worker serves; `undefined` while one serves or may still come. */
  unavailable(): string | undefined;
  log(line: string): void;
  /**
   * Ends the process, whatever its threads do.
   *
   * @param patienceMs time in ms that they have beyond the usual to end by themselves
   */
  exit(code: number, patienceMs?: number): void;
}

/** Beginning, health and end of the process. */
export class Lifecycle {
  readonly #host: LifecycleHost;
  readonly #answers: Answers;
  readonly #startedAt: number;
  #manifest: Manifest | undefined;
  #initializing: string[] = [];
  /** The `accepts` of the host's first `initialize`. */
  #accepts: readonly string[] | undefined;
  #shutdowns: string[] = [];
  #isEnding = false;
  #isSignalled = false;
  #isHostGone = false;
  /** The exit code of the process. The first reason to end decides it. */
  #exitCode: number = EXIT.ok;
  /** The message for the host of every call that is cancelled at the end. */
  #reason = '';
  /** In ms of the monotonic clock, so that a change of the time of day makes no drain longer or shorter. */
  #hardStopAt = Infinity;
  #stopTimers = (): void => {};
  /** Resolves the wait for the first load, if #finish is in it. That wait alone is not bounded by the drain time. */
  #whenLoaded: (() => void) | undefined;

  constructor(host: LifecycleHost, answers: Answers) {
    this.#host = host;
    this.#answers = answers;
    this.#startedAt = host.clock.monotonic();
  }

  onManifest(manifest: Manifest): void {
    this.#manifest = manifest;
    for (const requestId of this.#initializing.splice(0)) this.#answerInitialize(requestId, manifest);
    this.#whenLoaded?.();
  }

  /**
   * No worker has served for a while, and none has ever loaded, so it is not known whether the module loads.
   *
   * @param why for a person
   */
  onNoWorker(why: string): void {
    for (const requestId of this.#initializing.splice(0)) this.#refuseNoWorker(requestId, why);
    this.#whenLoaded?.();
  }

  /** @throws MalformedError */
  onInitialize(requestId: string, payload: Uint8Array): void {
    const { protocolVersion, config, accepts } = decodeInitialize(payload);
    if (protocolVersion !== PROTOCOL_VERSION) {
      const message = `this module speaks protocol version ${PROTOCOL_VERSION}, not ${protocolVersion}`;
      return this.#answers.refuse(requestId, 'unimplemented', message);
    }
    this.#host.configure(config.slice());
    this.#accepts ??= accepts;
    if (this.#manifest === undefined) {
      const why = this.#host.unavailable();
      if (why !== undefined) return this.#refuseNoWorker(requestId, why);
      if (this.#initializing.length >= this.#host.options.maxWaiting) return this.#refuseMore(requestId);
      this.#initializing.push(requestId);
    } else this.#answerInitialize(requestId, this.#manifest);
  }

  /** @throws MalformedError */
  onHealth(requestId: string, payload: Uint8Array): void {
    decodeHealth(payload);
    const { clock } = this.#host;
    const report = encodeHealthReport({
      ...this.#host.figures(),
      status: this.#isEnding ? 'draining' : 'serving',
      uptimeMs: Math.round(clock.monotonic() - this.#startedAt),
      rssBytes: orElse(0, () => process.memoryUsage.rss()),
    });
    this.#answers.send(requestId, true, report);
  }

  /** @throws MalformedError */
  onShutdown(requestId: string, payload: Uint8Array): void {
    const { options } = this.#host;
    const { drainMs } = decodeShutdown(payload);
    // No host needs more waiting shutdowns than this, so further ones are refused as other work over the limits is.
    if (this.#shutdowns.length >= options.maxWaiting) return this.#refuseMore(requestId);
    this.#shutdowns.push(requestId);
    this.#end(EXIT.ok, drainMs, 'the host shut the module down');
  }

  /** A signal asks for the end. A second one ends the process at once. */
  onSignal(code: number): void {
    if (this.#isSignalled) return this.#host.exit(code);
    this.#isSignalled = true;
    this.#whenLoaded?.();
    const { drainMs } = this.#host.options;
    this.#end(code, drainMs, 'the module was asked to stop by a signal');
    // The signal's drain time holds even if the host asked for a longer one before.
    this.#drainFor(drainMs);
  }

  /** The host has closed its side. It may still read, but nobody waits for a drain. */
  onInputEnd(): void {
    this.#end(EXIT.ok, 0, 'the host closed its side');
    // No drain, so that a host that doesn't read its terminal frames delays nothing.
    this.#drainFor(0);
  }

  /** The host's process is gone, so nobody reads any more. */
  onHostGone(): void {
    this.#isHostGone = true;
    this.#whenLoaded?.();
    this.#end(EXIT.ok, 0, 'the host process is gone');
    this.#drainFor(0);
  }

  /** Whether the process drains, or waits for what its end needs. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /**
   * Main has failed. The requests that wait for the first load or for a shutdown are answered, and no further step of an end
   * follows.
   *
   * @param why for the host
   */
  onFailure(why: string): void {
    this.#isEnding = true;
    this.#stopTimers();
    for (const requestId of [...this.#initializing.splice(0), ...this.#shutdowns.splice(0)])
      this.#answers.refuse(requestId, 'internal', why);
  }

  #end(code: number, drainMs: number, reason: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#exitCode = code;
    this.#reason = reason;
    this.#host.drain();
    this.#drainFor(drainMs);
    this.#finish(code).catch((error: Error) => {
      this.#host.log(`the end went wrong: ${error.message}`);
      this.#host.exit(code);
    });
  }

  async #finish(code: number): Promise<void> {
    await this.#host.workDone();
    // A host that writes all its messages at once and closes its side must still learn whether the module loads, and get its
    // Initialized.
    const isLoading = this.#manifest === undefined && this.#host.unavailable() === undefined;
    if (isLoading && !this.#isSignalled && !this.#isHostGone) {
      await new Promise<void>((resolve) => (this.#whenLoaded = resolve));
      this.#whenLoaded = undefined;
    }
    for (const requestId of this.#initializing.splice(0)) {
      this.#answers.refuse(requestId, 'unavailable', 'the module ends before it has loaded');
    }
    await this.#host.closeModules();
    await this.#host.flushed();
    // The answer to shutdown is the last message, so messages that the host writes while it reads that answer, such as another
    // shutdown, are ignored.
    this.#host.stopListening();
    for (const requestId of this.#shutdowns) this.#answers.send(requestId, true, EMPTY_PAYLOAD);
    await this.#host.flushed();
    // On a busy machine threads need a while to end, so they get the rest of the time for the whole end, but none of the drain
    // time.
    const left = this.#hardStopAt - this.#host.clock.monotonic();
    const most = this.#host.options.cancelGraceMs + LAST_WRITE_MS;
    this.#host.exit(code, Math.min(Math.max(0, left), most));
  }

  #refuseNoWorker(requestId: string, why: string): void {
    const { code, message } = noWorker(why);
    this.#answers.refuse(requestId, code, message);
  }

  #refuseMore(requestId: string): void {
    this.#answers.refuse(
      requestId,
      'resourceExhausted',
      'too many requests of this kind wait for their answer already',
    );
  }

  /** Gives running calls `drainMs` until they are cancelled, but never more than an earlier call has given. */
  #drainFor(drainMs: number): void {
    const { clock, options } = this.#host;
    const quietAt = clock.monotonic() + drainMs + options.cancelGraceMs;
    const hardStopAt = quietAt + LAST_WRITE_MS;
    if (hardStopAt >= this.#hardStopAt) return;
    this.#hardStopAt = hardStopAt;
    this.#stopTimers();
    const cancel = (): void => this.#host.cancelAll(this.#reason);
    const cancelTimer = drainMs === 0 ? cancel() : clock.after(drainMs, cancel);
    const exitTimer = clock.after(quietAt - clock.monotonic(), () => this.#exitOnceUnread());
    this.#stopTimers = () => {
      cancelTimer?.();
      exitTimer();
    };
  }

  /** All handlers have ended. Exit once the host stops reading, unless we still wait for the first load. */
  #exitOnceUnread(): void {
    this.#stopTimers = onceHostStopsReading(this.#host, () => {
      if (this.#whenLoaded === undefined) this.#host.exit(this.#exitCode);
      else this.#exitOnceUnread();
    });
  }

  #answerInitialize(requestId: string, manifest: Manifest): void {
    const { options } = this.#host;
    const { streams } = manifest;
    const capabilities: string[] = [];
    if (manifest.handle !== undefined) capabilities.push('handle');
    if (manifest.kvChange) capabilities.push('kvChange');
    if (streams !== undefined) capabilities.push('serverStream');
    const payload = encodeInitialized({
      protocolVersion: PROTOCOL_VERSION,
      moduleName: manifest.name,
      moduleVersion: manifest.version,
      capabilities,
      methods: streams !== undefined && 'methods' in streams ? streams.methods.map(({ name }) => name) : [],
      workers: options.workers,
      initialCredit: Math.max(INITIAL_CREDIT, options.receiveWindow),
      methodInfo: manifest.methodInfo ?? [],
    });
    this.#answers.send(requestId, true, payload);
    if (this.#accepts?.includes('progress') === true) this.#host.acceptProgress();
  }
}
