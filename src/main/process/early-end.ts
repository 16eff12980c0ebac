import type { Clock } from '../../base/clock.ts';
import { cutUtf8 } from '../../base/text.ts';
import { textOf } from '../../base/thrown.ts';
import { encodeEnvelope } from '../../wire/envelope.ts';
import { encodeIpcError } from '../../wire/error-payload.ts';
import { EXIT, type ServeOptions } from '../options.ts';
import { onceHostStopsReading } from '../output/host-stall.ts';

/** The parts of main that an early end acts on. */
export interface EarlyEndHost {
  readonly options: ServeOptions;
  readonly clock: Clock;
  /** Ends every call with `internal`, and every worker. @param why for the host */
  failCalls(why: string): void;
  /** Sends this message as the last one. Resolves when it has been written. */
  sendLast(message: Uint8Array): Promise<void>;
  /** Nothing that the host writes is looked at any more. */
  stopListening(): void;
  /** Resolves when every accepted byte has been written. */
  flushed(): Promise<void>;
  /** Bytes that the host has taken so far; `undefined`: none wait for it. */
  taken(): number | undefined;
  log(line: string): void;
  exit(code: number): void;
}

/**
 * An end that nobody has asked for, because main has failed, the host's bytes can't be understood, or the wire can't be written
 * any more. The host is told why where it still reads. Nothing drains.
 */
export class EarlyEnd {
  readonly #host: EarlyEndHost;
  #failure: string | undefined;
  #isUnreadable = false;

  constructor(host: EarlyEndHost) {
    this.#host = host;
  }

  /** The text for the host once main has failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Main has thrown where nobody catches it. @param isExiting whether the process ends already */
  onFailure(thrown: unknown, isExiting: boolean): void {
    const host = this.#host;
    const stack = textOf(thrown, 'stack');
    host.log(`the main thread failed, every stream ends with it; please report this: ${stack}`);
    // It fails again, or while it ends: there is nothing left to try.
    if (this.#failure !== undefined || isExiting) return host.exit(EXIT.failed);
    this.#failure = `the module’s main thread failed: ${textOf(thrown)}`;
    onceHostStopsReading(host, () => host.exit(EXIT.failed));
    host.stopListening();
    host.failCalls(this.#failure);
    void host.flushed().then(() => host.exit(EXIT.failed));
  }

  /** The bytes of the host can't be understood. @param why for a person */
  onBroken(why: string): void {
    const host = this.#host;
    host.log(`the host's bytes can't be understood, ending: ${why}`);
    const message = cutUtf8(why, host.options.maxErrorMessageBytes);
    const lastWord = encodeEnvelope('error', '', encodeIpcError({ code: 'protocolViolation', message }));
    void host.sendLast(lastWord).then(() => host.exit(EXIT.protocol));
    onceHostStopsReading(host, () => host.exit(EXIT.protocol));
  }

  /** The host can't be written to any more. Both the write and its stream tell. */
  onGone(error: Error): void {
    if (this.#isUnreadable) return;
    this.#isUnreadable = true;
    this.#host.log(`the host can't be written to any more (${error.message}): ending`);
    this.#host.exit(EXIT.hostGone);
  }

  onWireUnknown(): void {
    this.#host.log('a worker died while it wrote: the state of the wire is unknown, stopping at once');
    this.#host.exit(EXIT.wireUnknown);
  }
}
