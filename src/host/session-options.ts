import type { ModuleError } from '../errors.ts';
import type { KvChange } from '../wire/payload-decode.ts';
import type { ContractViolation } from './contract-violation.ts';
import type { ServiceHandler } from './service-calls.ts';
import type { WireLimits } from '../wire/capnp/limits.ts';

export interface HostSessionOptions {
  limits?: Partial<WireLimits>;
  /**
   * Answers what handlers ask of their host; without it they get `unimplemented`. At most 2,048 calls run at once; of those beyond,
   * 8,192 or 64 MiB wait, and the rest is refused with `resourceExhausted`.
   */
  onService?: ServiceHandler;
  /**
   * How long after its deadline, or after its cancel, a call or stream waits for the module's last word before it ends here with
   * the same code, in ms (default 2,000). Its id stays taken until that word comes. Infinity: as long as it takes.
   */
  graceMs?: number;
  /** Called as a violation is found: for each of them, while `violations` keeps the first 1,000. */
  onViolation?: (violation: ContractViolation) => void;
  /** The module gives up the connection and says why; its end follows. */
  onProtocolError?: (error: ModuleError) => void;
  /** Sees every message, for logs and tests; `message` is valid during the call only. */
  onWire?: (direction: 'in' | 'out', message: Uint8Array) => void;
}

/** What went over the wire so far. A frame here is a whole message of any type, as in `HealthReport`. */
export interface SessionStats {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
}

/** What a host says at `initialize`; all of it may be left out. */
export interface InitializeOptions {
  protocolVersion?: number;
  runtimeName?: string;
  runtimeVersion?: string;
  config?: Uint8Array;
}

/** A key-value change, as `notifyKv` takes it. */
export interface KvNotification extends Omit<KvChange, 'value' | 'version'> {
  readonly value?: Uint8Array;
  readonly version?: bigint | number;
}
