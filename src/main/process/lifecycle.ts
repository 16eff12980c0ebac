import { decodeHealth, decodeInitialize, decodeShutdown } from '../../wire/payload-decode.ts';
import { encodeHealthReport, encodeInitialized } from '../../wire/payload-encode.ts';
import { EMPTY_PAYLOAD } from '../../wire/envelope.ts';
import { noWorker } from '../calls/admission.ts';
import { INITIAL_CREDIT, PROTOCOL_VERSION } from '../../wire/flow-limits.ts';
import { EXIT, type ServeOptions } from '../options.ts';
import type { Answers } from '../output/answers.ts';
import { LAST_WRITE_MS, onceUnread } from '../output/host-stall.ts';
import type { Clock } from '../../base/clock.ts';
import { orElse } from '../../base/or-else.ts';
import type { Manifest } from '../../threads/manifest.ts';

/** The parts of main that the life of the process acts on. */
export interface LifecycleHost {
  readonly options: ServeOptions;
  readonly clock: Clock;
  /** `Initialize.config`, for the copies of the module that have run nothing yet. */
  configure(config: Uint8Array): void;
  /** Takes no new work from here on. */
  drain(): void;
  cancelAll(reason: string): void;
  /** Resolves when nothing runs or waits any more. */
  workDone(): Promise<void>;
  /** Runs the modules' `onClose`; resolves when they have. */
  closeModules(): Promise<void>;
  /** Nothing that the host writes is looked at any more, and no request of a handler goes out. */
  stopListening(): void;
  /** Resolves when every accepted byte has been written. */
  flushed(): Promise<void>;
  /** Bytes that the host has taken so far; `undefined`: none wait for it. */
  taken(): number | undefined;
  /** Figures of the health report that others keep. */
  figures(): Omit<Parameters<typeof encodeHealthReport>[0], 'status' | 'uptimeMs' | 'rssBytes'>;
  /** Why no worker can be had; `undefined`: one may still come. */
  unavailable(): string | undefined;
  log(line: string): void;
  /** Ends the process, whatever its threads do. @param patienceMs what they have beyond the usual, to end by themselves */
  exit(code: number, patienceMs?: number): void;
}

/** Beginning, health and end of the process. */
export class Lifecycle {
  readonly #host: LifecycleHost;
  readonly #answers: Answers;
  readonly #startedAt: number;
  #manifest: Manifest | undefined;
  #initializing: string[] = [];
  #shutdowns: string[] = [];
  #isEnding = false;
  #isSignalled = false;
  #isHostGone = false;
  /** What the process ends with: decided by what ended it first. */
  #exitCode: number = EXIT.ok;
  /** For the host, of all that is cancelled at the end. */
  #reason = '';
  /** By the monotonic clock: a change of the time of day makes no drain longer or shorter. */
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

  /** No worker could be had for a while, and none has ever loaded: whether the module loads is not known. @param why for a person */
  onNoWorker(why: string): void {
    for (const requestId of this.#initializing.splice(0)) this.#refuseNoWorker(requestId, why);
    this.#whenLoaded?.();
  }

  /** @throws MalformedError */
  onInitialize(requestId: string, payload: Uint8Array): void {
    const { protocolVersion, config } = decodeInitialize(payload);
    if (protocolVersion !== PROTOCOL_VERSION) {
      const message = `this module speaks protocol version ${PROTOCOL_VERSION}, not ${protocolVersion}`;
      return this.#answers.refuse(requestId, 'unimplemented', message);
    }
    this.#host.configure(config.slice());
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
    // Nobody needs more than this; a host that floods is answered where the limits are.
    if (this.#shutdowns.length >= options.maxWaiting) return this.#refuseMore(requestId);
    this.#shutdowns.push(requestId);
    this.#end(EXIT.ok, drainMs, 'the host shut the module down');
  }

  /** A signal asks for the end; a second one gets it at once. */
  onSignal(code: number): void {
    if (this.#isSignalled) return this.#host.exit(code);
    this.#isSignalled = true;
    this.#whenLoaded?.();
    const { drainMs } = this.#host.options;
    this.#end(code, drainMs, 'the module was asked to stop by a signal');
    // A host that asked for a longer drain before doesn't hold up whoever sent the signal.
    this.#drainFor(drainMs);
  }

  /** The host has closed its side: it reads on, perhaps, but there is nobody to drain for. */
  onInputEnd(): void {
    this.#end(EXIT.ok, 0, 'the host closed its side');
    // A host that doesn't read its terminal frames holds nothing up.
    this.#drainFor(0);
  }

  /** The host's process is gone: nobody reads any more. */
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

  /** Main has failed: who waits for an answer of its life gets one, and no step of an end follows. @param why for the host */
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
    // A host that says all that it has to say at once still learns whether the module loads, and gets its Initialized.
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
    // The answer to shutdown is the last message: also for what the host writes as it reads it, another shutdown, say.
    this.#host.stopListening();
    for (const requestId of this.#shutdowns) this.#answers.send(requestId, true, EMPTY_PAYLOAD);
    await this.#host.flushed();
    // On a busy machine threads need a while to end; what is left of the time for all this is theirs, but for draining.
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

  /** What runs has so long until it is cancelled; never longer than it was told before. */
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
    this.#stopTimers = onceUnread(this.#host, () => {
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
    });
    this.#answers.send(requestId, true, payload);
  }
}
