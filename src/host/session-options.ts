import type { ModuleError } from '../errors.ts';
import type { KvChange } from '../wire/payload-decode.ts';
import type { ContractViolation } from './contract-violation.ts';
import type { OnService } from './service-table.ts';
import type { WireLimits } from '../wire/capnp/limits.ts';

export interface HostSessionOptions {
  limits?: Partial<WireLimits>;
  /** The first window that the module announces, in bytes, where it is known before `initialize` (default 262,144). */
  firstWindow?: number;
  /**
   * Answers the service requests of handlers: a function, or a table by service and method. Without it they fail with
   * `unimplemented`. At most 2,048 calls run at once; of further ones at most 8,192 or 64 MiB wait, and the rest is refused with
   * `resourceExhausted`.
   */
  onService?: OnService;
  /**
   * Time that a call or stream waits, after its deadline or its cancel, for the module's answer or terminal frame, in ms (default
   * 2,000). After that it ends here with the same code; its id stays in use until the module's message comes. Infinity for no
   * limit.
   */
  graceMs?: number;
  /** Called for each violation when it is found, also for those after the first 1,000, which `violations` does not keep. */
  onViolation?: (violation: ContractViolation) => void;
  /** Called when the module gives up the connection, with its error. The end of the connection follows. */
  onProtocolError?: (error: ModuleError) => void;
  /** Called with every message, for logs and tests. `message` is valid during the call only. */
  onWire?: (direction: 'in' | 'out', message: Uint8Array) => void;
}

/**
 * Messages and bytes that went over the wire so far, in: from the module, out: to the module. A frame here is a whole message of
 * any type, as in `HealthReport`.
 */
export interface SessionStats {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
}

/** The fields of an `initialize` request. All of them may be left out. */
export interface InitializeOptions {
  protocolVersion?: number;
  runtimeName?: string;
  runtimeVersion?: string;
  config?: Uint8Array;
  /** This host's abilities beyond the first version of the protocol (default: `progress`). */
  accepts?: readonly string[];
}

/** A key-value change, as `notifyKv` takes it. */
export interface KvNotification extends Omit<KvChange, 'value' | 'version'> {
  readonly value?: Uint8Array;
  readonly version?: bigint | number;
}
