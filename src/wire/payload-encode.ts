import {
  HEALTH_STATUSES,
  KV_OPERATIONS,
  type Body,
  type HealthReport,
  type Initialized,
  type Initialize,
  type KvChange,
  type ServiceRequest,
  type Shutdown,
} from './payload-decode.ts';
import { writeInvocationContext, type InvocationContextInit } from './context.ts';
import { checkCounter, checkUint16, checkUint32, checkUint64 } from './capnp/field-range.ts';
import { segment } from './capnp/segment-writer.ts';
import { EMPTY_PAYLOAD, envelopeHeaderBytes } from './envelope.ts';
import { MAX_REQUEST_ID_BYTES, PROTOCOL_VERSION } from './flow-limits.ts';
import { shedMethods, writeMethods, type MethodInfoInit } from './method-info.ts';
import { SCHEMA_DEFAULT } from './schema-defaults.ts';

// The payloads of all envelopes but error (error-payload.ts) and streamFrame (frame-encoder.ts), in the order of schema/ipc.capnp,
// with the places and defaults that the compiler gives the fields. On the wire a field is XORed with its default.
//
// A field that is left out, or empty, stays a null pointer or the schema's default. All functions return one framed message in an
// array of its own, laid out as by the C++ builder, and throw RangeError for a number that its field can't hold.

/** The fields of `handle`: `HandleRequest`. */
export interface HandleRequestInit {
  readonly context?: InvocationContextInit;
  readonly body?: Uint8Array;
}

/** The fields of a service request: `ServiceRequest`. */
export interface ServiceRequestInit extends Partial<Omit<ServiceRequest, 'context'>> {
  readonly context?: InvocationContextInit;
}

/** A module's description of itself: `Initialized`. */
export interface InitializedInit extends Partial<Omit<Initialized, 'methodInfo'>> {
  readonly methodInfo?: readonly MethodInfoInit[];
}

/** The largest payload of an `Initialized`, so that its message is at most 1 MiB, whatever its requestId. */
const MAX_INITIALIZED_BYTES = 1_048_576 - envelopeHeaderBytes(MAX_REQUEST_ID_BYTES);

/** The payload of `handle`. */
export function encodeHandleRequest({ context, body = EMPTY_PAYLOAD }: HandleRequestInit): Uint8Array {
  const root = segment.beginMessage(0, 2);
  if (context !== undefined) writeInvocationContext(segment, root, context);
  segment.data(root + 8, body);
  return segment.message();
}

/** The payload of the `response` to `handle`. */
export function encodeHandleResponse({ body }: Body): Uint8Array {
  segment.data(segment.beginMessage(0, 1), body);
  return segment.message();
}

/** The payload of `serviceRequest`. */
export function encodeServiceRequest(fields: ServiceRequestInit): Uint8Array {
  const { service = '', method = '', body = EMPTY_PAYLOAD, context } = fields;
  const root = segment.beginMessage(0, 4);
  segment.text(root, service);
  segment.text(root + 8, method);
  segment.data(root + 16, body);
  if (context !== undefined) writeInvocationContext(segment, root + 24, context);
  return segment.message();
}

/** The payload of `serviceResponse`. */
export const encodeServiceResponse: (fields: Body) => Uint8Array = encodeHandleResponse;

/** The payload of `kvChangeNotification`; the operation is `set` if left out. */
export function encodeKvChange(fields: Partial<KvChange>): Uint8Array {
  const { key = '', operation = 'set', value = EMPTY_PAYLOAD, version = 0n } = fields;
  checkUint64(version, 'KvChange.version');
  const root = segment.beginMessage(2, 2);
  segment.uint16(root, KV_OPERATIONS.indexOf(operation));
  segment.uint32(root + 8, Number(version & 0xffff_ffffn));
  segment.uint32(root + 12, Number(version >> 32n));
  segment.text(root + 16, key);
  segment.data(root + 24, value);
  return segment.message();
}

/** The payload of `initialize`. */
export function encodeInitialize(fields: Partial<Initialize>): Uint8Array {
  const { protocolVersion = PROTOCOL_VERSION, runtimeName = '', runtimeVersion = '' } = fields;
  const root = segment.beginMessage(1, 4);
  segment.uint16(
    root,
    checkUint16(protocolVersion, 'Initialize.protocolVersion') ^ SCHEMA_DEFAULT.protocolVersion,
  );
  segment.text(root + 8, runtimeName);
  segment.text(root + 16, runtimeVersion);
  segment.data(root + 24, fields.config ?? EMPTY_PAYLOAD);
  segment.texts(root + 32, fields.accepts ?? []);
  return segment.message();
}

/**
 * The payload of the `response` to `initialize`. Where its message would be larger than 1 MiB, JSON Schemas are left out, from the
 * largest down, then descriptions, then all of `methodInfo`.
 */
export function encodeInitialized(fields: InitializedInit): Uint8Array {
  const payload = encodeWhole(fields);
  const excess = payload.length - MAX_INITIALIZED_BYTES;
  if (excess <= 0 || fields.methodInfo === undefined) return payload;
  return encodeWhole({ ...fields, methodInfo: shedMethods(fields.methodInfo, excess) });
}

function encodeWhole(fields: InitializedInit): Uint8Array {
  const { protocolVersion = PROTOCOL_VERSION, moduleName = '', moduleVersion = '' } = fields;
  const { capabilities = [], methods = [], workers = 0, initialCredit = 0 } = fields;
  const root = segment.beginMessage(1, 5);
  segment.uint16(
    root,
    checkUint16(protocolVersion, 'Initialized.protocolVersion') ^ SCHEMA_DEFAULT.protocolVersion,
  );
  segment.uint16(root + 2, checkUint16(workers, 'Initialized.workers'));
  segment.uint32(root + 4, checkUint32(initialCredit, 'Initialized.initialCredit'));
  segment.text(root + 8, moduleName);
  segment.text(root + 16, moduleVersion);
  segment.texts(root + 24, capabilities);
  segment.texts(root + 32, methods);
  writeMethods(segment, root + 40, fields.methodInfo ?? []);
  return segment.message();
}

/** The payload of the `response` to `health`. */
export function encodeHealthReport(fields: HealthReport): Uint8Array {
  const root = segment.beginMessage(8, 0);
  segment.uint16(root, HEALTH_STATUSES.indexOf(fields.status));
  segment.uint16(root + 2, checkUint16(fields.workers, 'HealthReport.workers'));
  segment.uint32(root + 4, checkUint32(fields.openStreams, 'HealthReport.openStreams'));
  segment.uint32(root + 8, checkUint32(fields.queuedOpens, 'HealthReport.queuedOpens'));
  segment.uint16(root + 12, checkUint16(fields.busyWorkers, 'HealthReport.busyWorkers'));
  segment.uint64(root + 16, checkCounter(fields.uptimeMs, 'HealthReport.uptimeMs'));
  segment.uint64(root + 24, checkCounter(fields.framesIn, 'HealthReport.framesIn'));
  segment.uint64(root + 32, checkCounter(fields.framesOut, 'HealthReport.framesOut'));
  segment.uint64(root + 40, checkCounter(fields.bytesIn, 'HealthReport.bytesIn'));
  segment.uint64(root + 48, checkCounter(fields.bytesOut, 'HealthReport.bytesOut'));
  segment.uint64(root + 56, checkCounter(fields.rssBytes, 'HealthReport.rssBytes'));
  return segment.message();
}

/** The payload of `shutdown`. */
export function encodeShutdown({ drainMs = SCHEMA_DEFAULT.drainMs }: Partial<Shutdown>): Uint8Array {
  segment.uint32(
    segment.beginMessage(1, 0),
    checkUint32(drainMs, 'Shutdown.drainMs') ^ SCHEMA_DEFAULT.drainMs,
  );
  return segment.message();
}
