import type { HealthReport, Initialized } from '../wire/payload-decode.ts';
import type { InvocationOptions } from './invocation-options.ts';
import type { InitializeOptions, KvNotification } from './session-options.ts';
import type { HostStream, OpenStreamOptions } from './streams/host-stream.ts';

/**
 * A module as its host sees it, wherever the module runs: in a child process ({@link ModuleProcess}) or on other machines.
 *
 * Code that takes a `ModuleHost` need not know how the module is reached. Every promise rejects with a {@link ModuleError}; its
 * code is `unavailable` if the module is gone.
 */
export interface ModuleHost extends AsyncDisposable {
  /** Optional first call. Resolves with the module's description of itself. */
  initialize(init?: InitializeOptions): Promise<Initialized>;
  /** Resolves with the module's present state. If several processes serve, the report is of one of them. */
  health(): Promise<HealthReport>;
  /** Sends one unary request. Resolves with the body of its answer. */
  request(method: string, body: Uint8Array, options?: InvocationOptions): Promise<Uint8Array>;
  /** Tells the module of a key-value change. There is no answer. If several processes serve, each is told at most once. */
  notifyKv(change: KvNotification): void;
  /** Opens a stream. If it can't be opened, the returned stream has already failed. */
  openStream(method: string, options?: OpenStreamOptions): HostStream;
  /** Lets running calls end for at most `drainMs` milliseconds (default 5,000), then gives the module up. */
  close(options?: { drainMs?: number }): Promise<unknown>;
}
