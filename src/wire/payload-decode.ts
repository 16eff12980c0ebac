import { readBoundedContext, type InvocationContext } from './context.ts';
import { readIpcError, type ErrorFields } from './error-payload.ts';
import { enumerant } from './capnp/enumerant.ts';
import { MalformedError } from './capnp/malformed.ts';
import { MessageReader, type StructReader } from './capnp/reader.ts';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from './capnp/limits.ts';
import { readMethods, type MethodInfo } from './method-info.ts';
import { SCHEMA_DEFAULT } from './schema-defaults.ts';

/** Text that may be reached by more than one pointer, in bytes. */
const ALIASED_BYTES = 65_536;

// The payloads of all envelopes but streamFrame. Every function takes a whole payload, of which zero length stands for the struct
// with all defaults, and throws MalformedError. Places and defaults are those of schema/ipc.capnp; a test holds them against the
// compiler's own listing.

/** `HandleRequest`. */
export interface HandleRequest {
  /** All defaults where the context is larger than was allowed. */
  readonly context: InvocationContext;
  /** Bytes that the context's known fields hold. */
  readonly contextBytes: number;
  /** A view on the payload. */
  readonly body: Uint8Array;
}

/** `HandleResponse` and `ServiceResponse`. */
export interface Body {
  /** A view on the payload. */
  readonly body: Uint8Array;
}

/** `ServiceRequest`. */
export interface ServiceRequest {
  readonly service: string;
  readonly method: string;
  /** A view on the payload. */
  readonly body: Uint8Array;
  readonly context: InvocationContext;
}

/** `KvChange`. */
export interface KvChange {
  readonly key: string;
  readonly operation: KvOperation;
  /** A view on the payload; empty after a delete. */
  readonly value: Uint8Array;
  /** UInt64. */
  readonly version: bigint;
}

/** `KvChange.Operation` by number. */
export const KV_OPERATIONS = ['set', 'delete'] as const;
/** The kind of a key's change. */
export type KvOperation = (typeof KV_OPERATIONS)[number];

/** `Initialize`. */
export interface Initialize {
  readonly protocolVersion: number;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  /** A view on the payload. */
  readonly config: Uint8Array;
  /** The host's abilities beyond the first version: today "progress"; a newer host may say more. */
  readonly accepts: readonly string[];
}

/** `Initialized`. */
export interface Initialized {
  readonly protocolVersion: number;
  readonly moduleName: string;
  readonly moduleVersion: string;
  /** Of "handle", "kvChange", "serverStream"; a newer module may say more. */
  readonly capabilities: readonly string[];
  readonly methods: readonly string[];
  readonly workers: number;
  /** Bytes that the host may send on a new stream; 0 for the constant of the schema. */
  readonly initialCredit: number;
  /** The module's description of its methods: those of `methods` in their order, then unary ones; perhaps empty. */
  readonly methodInfo: readonly MethodInfo[];
}

/** `HealthReport`. The 64-bit counters are exact up to 2^53. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly openStreams: number;
  readonly queuedOpens: number;
  readonly workers: number;
  readonly busyWorkers: number;
  readonly uptimeMs: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly rssBytes: number;
}

/** `HealthReport.Status` by number. */
export const HEALTH_STATUSES = ['serving', 'draining'] as const;
/** Whether a module takes new work. */
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** `Shutdown`. */
export interface Shutdown {
  /** Milliseconds that running streams may go on. */
  readonly drainMs: number;
}

// The limit on a message may be configured, and the framer has enforced it on the message around the payload.
const PAYLOAD_LIMITS: WireLimits = { ...DEFAULT_WIRE_LIMITS, maxMessageBytes: Number.MAX_SAFE_INTEGER };

/** One segment of one word, a null root pointer: all defaults. */
const ALL_DEFAULTS = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/**
 * The payload of `handle`.
 *
 * @param maxContextBytes a larger context is measured and not built. Give the limit on contexts where the host is not trusted:
 *   few bytes of a message can stand for many strings
 */
export function decodeHandleRequest(
  payload: Uint8Array,
  maxContextBytes: number = DEFAULT_WIRE_LIMITS.maxMessageBytes,
): HandleRequest {
  const root = rootOf(payload);
  const context = readBoundedContext(root.struct(0, 'HandleRequest.context'), maxContextBytes);
  return { ...context, body: root.data(1, 'HandleRequest.body') };
}

/** The payload of the `response` to `handle`. */
export function decodeHandleResponse(payload: Uint8Array): Body {
  return { body: rootOf(payload).data(0, 'HandleResponse.body') };
}

/** The payload of `serviceRequest`. */
export function decodeServiceRequest(payload: Uint8Array): ServiceRequest {
  const root = rootOf(payload);
  const most = mostText(payload);
  const { context, contextBytes } = readBoundedContext(root.struct(3, 'ServiceRequest.context'), most);
  if (contextBytes > most) {
    throw new MalformedError(
      'traversal',
      'ServiceRequest.context',
      'it holds far more text than the message has bytes',
    );
  }
  return {
    service: root.text(0, 'ServiceRequest.service'),
    method: root.text(1, 'ServiceRequest.method'),
    body: root.data(2, 'ServiceRequest.body'),
    context,
  };
}

/** The payload of `serviceResponse`. */
export function decodeServiceResponse(payload: Uint8Array): Body {
  return { body: rootOf(payload).data(0, 'ServiceResponse.body') };
}

/** The payload of `kvChangeNotification`. An operation that nobody knows is malformed: to take it for another would corrupt a copy of the store. */
export function decodeKvChange(payload: Uint8Array): KvChange {
  const root = rootOf(payload);
  return {
    key: root.text(0, 'KvChange.key'),
    operation: enumerant(KV_OPERATIONS, root.uint16(0), 'KvChange.operation'),
    value: root.data(1, 'KvChange.value'),
    version: root.uint64(8),
  };
}

/** The payload of `initialize`. */
export function decodeInitialize(payload: Uint8Array): Initialize {
  const root = rootOf(payload);
  return {
    protocolVersion: root.uint16(0) ^ SCHEMA_DEFAULT.protocolVersion,
    runtimeName: root.text(0, 'Initialize.runtimeName'),
    runtimeVersion: root.text(1, 'Initialize.runtimeVersion'),
    config: root.data(2, 'Initialize.config'),
    accepts: root.textList(3, 'Initialize.accepts', mostText(payload)),
  };
}

/** The payload of the `response` to `initialize`. */
export function decodeInitialized(payload: Uint8Array): Initialized {
  const root = rootOf(payload);
  const most = mostText(payload);
  return {
    protocolVersion: root.uint16(0) ^ SCHEMA_DEFAULT.protocolVersion,
    moduleName: root.text(0, 'Initialized.moduleName'),
    moduleVersion: root.text(1, 'Initialized.moduleVersion'),
    capabilities: root.textList(2, 'Initialized.capabilities', most),
    methods: root.textList(3, 'Initialized.methods', most),
    workers: root.uint16(2),
    initialCredit: root.uint32(4),
    methodInfo: readMethods(root, 4, most),
  };
}

/** The payload of the `response` to `health`. */
export function decodeHealthReport(payload: Uint8Array): HealthReport {
  const root = rootOf(payload);
  return {
    status: enumerant(HEALTH_STATUSES, root.uint16(0), 'HealthReport.status'),
    openStreams: root.uint32(4),
    queuedOpens: root.uint32(8),
    workers: root.uint16(2),
    busyWorkers: root.uint16(12),
    uptimeMs: root.uint64AsNumber(16),
    framesIn: root.uint64AsNumber(24),
    framesOut: root.uint64AsNumber(32),
    bytesIn: root.uint64AsNumber(40),
    bytesOut: root.uint64AsNumber(48),
    rssBytes: root.uint64AsNumber(56),
  };
}

/** The payload of `shutdown`. */
export function decodeShutdown(payload: Uint8Array): Shutdown {
  return { drainMs: (rootOf(payload).uint32(0) ^ SCHEMA_DEFAULT.drainMs) >>> 0 };
}

/** The payload of `health`: a struct of which nothing is known. @throws MalformedError */
export function decodeHealth(payload: Uint8Array): void {
  rootOf(payload);
}

/** The payload of `error`. */
export function decodeIpcError(payload: Uint8Array): ErrorFields {
  return readIpcError(rootOf(payload));
}

function rootOf(payload: Uint8Array): StructReader {
  const bytes = payload.length === 0 ? ALL_DEFAULTS : payload;
  const reader = new MessageReader(PAYLOAD_LIMITS);
  reader.open(bytes, 0, bytes.length);
  return reader.root();
}

/** Many pointers may lead to one text: spelled out, a small message could fill memory. In bytes. */
function mostText(payload: Uint8Array): number {
  return payload.length + ALIASED_BYTES;
}
