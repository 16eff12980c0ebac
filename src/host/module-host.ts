import type { StreamOpener } from '../methods/typed-stream.ts';
import type { HealthReport, Initialized } from '../wire/payload-decode.ts';
import type { InvocationOptions } from './invocation-options.ts';
import type { InitializeOptions, KvNotification } from './session-options.ts';
import type { HostStream, OpenStreamOptions } from './streams/host-stream.ts';

/**
 * A module as its host sees it, wherever the module runs: in a child process ({@link ModuleProcess}) or on other machines.
 *
 * Code that takes a `ModuleHost` need not know how the module was reached. Every promise rejects with a {@link ModuleError};
 * where the module is gone, its code is `unavailable`.
 */
export interface ModuleHost extends StreamOpener<OpenStreamOptions, HostStream> {
  /** Optional first call; resolves with what the module says of itself. */
  initialize(init?: InitializeOptions): Promise<Initialized>;
  /** How the module is now. Where several processes serve, the report is of one of them. */
  health(): Promise<HealthReport>;
  /** One unary request; resolves with the body of its answer. */
  request(method: string, body: Uint8Array, options?: InvocationOptions): Promise<Uint8Array>;
  /** Tells the module of a key-value change; there is no answer. Where several processes serve, each is told at most once. */
  notifyKv(change: KvNotification): void;
  /** Opens a stream. A stream that can't be opened is given all the same, and has already failed. */
  openStream(method: string, options?: OpenStreamOptions): HostStream;
  /** Lets what runs end for at most `drainMs` milliseconds (default 5,000), then lets go of the module. */
  close(options?: { drainMs?: number }): Promise<unknown>;
}
