import { Answers } from '../../src/main/output/answers.ts';
import { Lifecycle, type LifecycleHost } from '../../src/main/process/lifecycle.ts';
import { DEFAULT_OPTIONS } from '../../src/main/options.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';
import { EnvelopeDecoder } from '../../src/wire/envelope.ts';
import { MESSAGE_TYPE } from '../../src/wire/message-type.ts';
import { TestClock } from '../../src/testing/test-clock.ts';
import { MANIFEST, NOW } from '../support/module-facts.ts';

/** The process's life without a process: each step of the end is held until the test lets it go on. */
export class LifecycleBench {
  readonly clock = new TestClock(NOW);
  readonly log: string[] = [];
  readonly payloads = new Map<string, Uint8Array>();
  readonly lifecycle: Lifecycle;
  /** Bytes that the host has read; `undefined`: nothing waits for it. */
  taken: number | undefined;
  /** What the threads have been given at the end, in ms. */
  patience: number | undefined;
  /** Why no worker can be had. */
  unavailable: string | undefined;
  readonly #gates = new Map<string, () => void>();

  constructor({ receiveWindow = DEFAULT_OPTIONS.receiveWindow, isLoaded = true } = {}) {
    const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
    const outlet = {
      send: (message: Uint8Array) => {
        envelope.decode(message, 0, message.length);
        const requestId = envelope.requestId();
        const isRefusal = envelope.typeNumber === MESSAGE_TYPE.error;
        this.log.push(`${isRefusal ? 'refuse' : 'answer'} ${requestId}`);
        this.payloads.set(requestId, envelope.payload());
      },
    };
    const host: LifecycleHost = {
      options: { ...DEFAULT_OPTIONS, file: '', workers: 3, receiveWindow },
      clock: this.clock,
      configure: (config) => this.log.push(`config ${config.join()}`),
      acceptProgress: () => this.log.push('accept progress'),
      drain: () => this.log.push('drain'),
      cancelAll: () => this.log.push('cancel all'),
      workDone: () => this.#gate('work'),
      closeModules: () => this.#gate('modules'),
      stopListening: () => this.log.push('stop listening'),
      flushed: () => this.#gate('flush'),
      taken: () => this.taken,
      figures: () => ({
        openStreams: 1,
        queuedOpens: 2,
        workers: 3,
        busyWorkers: 3,
        framesIn: 4,
        framesOut: 5,
        bytesIn: 6,
        bytesOut: 7,
      }),
      unavailable: () => this.unavailable,
      log: () => {},
      exit: (code, patienceMs) => {
        this.patience = patienceMs;
        this.log.push(`exit ${code}`);
      },
    };
    this.lifecycle = new Lifecycle(host, new Answers(outlet, DEFAULT_OPTIONS.maxErrorMessageBytes));
    if (isLoaded) this.lifecycle.onManifest(MANIFEST);
  }

  #gate(name: string): Promise<void> {
    this.log.push(`wait for ${name}`);
    return new Promise((resolve) => this.#gates.set(name, resolve));
  }

  /** What it waits for has happened. */
  async open(name: string): Promise<void> {
    const gate = this.#gates.get(name);
    if (gate === undefined) throw new Error(`nobody waits for ${name}`);
    this.#gates.delete(name);
    gate();
    await new Promise((resolve) => setImmediate(resolve));
  }

  take(): string[] {
    return this.log.splice(0);
  }
}
