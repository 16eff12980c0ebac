import { Message, type Struct } from 'capnp-es';
import * as Ipc from '../../schema/generated/ipc.ts';
import { StreamFrame } from '../../schema/generated/ipc_streaming.ts';
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
} from './cold-decode.ts';
import type { InvocationContextInit } from './context.ts';
import { encodeEnvelope } from './envelope.ts';
import type { StreamId } from './stream-id.ts';

// The payloads of all envelopes but error (error-payload.ts) and streamFrame (frame.ts; its open is here). capnp-es builds them: it
// is slow, and none of these is sent per chunk. Nothing else imports capnp-es, so that a caller can load this file when it is needed.
//
// A field that is left out, or empty, stays a null pointer or the schema's default. All functions return one framed message in an
// array of its own, laid out in the order of the fields as by the C++ builder, and throw RangeError for a number that its field
// can't hold, which capnp-es would wrap silently.

const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = 2n ** 64n - 1n;

/** What `handle` asks: `HandleRequest`. */
export interface HandleRequestInit {
  readonly context?: InvocationContextInit;
  readonly body?: Uint8Array;
}

/** What a service request asks: `ServiceRequest`. */
export interface ServiceRequestInit extends Partial<Omit<ServiceRequest, 'context'>> {
  readonly context?: InvocationContextInit;
}

/** The payload of `handle`. */
export function encodeHandleRequest({ context, body }: HandleRequestInit): Uint8Array {
  return build(Ipc.HandleRequest, (root) => {
    if (context !== undefined) fillContext(root._initContext(), context);
    if (body?.length) root._initBody(body.length).copyBuffer(body);
  });
}

/** The payload of the `response` to `handle`. */
export function encodeHandleResponse({ body }: Body): Uint8Array {
  return build(Ipc.HandleResponse, (root) => {
    if (body.length > 0) root._initBody(body.length).copyBuffer(body);
  });
}

/** The payload of `serviceRequest`. */
export function encodeServiceRequest({ service, method, body, context }: ServiceRequestInit): Uint8Array {
  return build(Ipc.ServiceRequest, (root) => {
    if (service) root.service = service;
    if (method) root.method = method;
    if (body?.length) root._initBody(body.length).copyBuffer(body);
    if (context !== undefined) fillContext(root._initContext(), context);
  });
}

/** The payload of `serviceResponse`. */
export function encodeServiceResponse({ body }: Body): Uint8Array {
  return build(Ipc.ServiceResponse, (root) => {
    if (body.length > 0) root._initBody(body.length).copyBuffer(body);
  });
}

/** The payload of `kvChangeNotification`; the operation is `set` if left out. */
export function encodeKvChange({ key, operation, value, version }: Partial<KvChange>): Uint8Array {
  return build(Ipc.KvChange, (root) => {
    if (key) root.key = key;
    if (operation) root.operation = KV_OPERATIONS.indexOf(operation) as Ipc.KvChange['operation'];
    if (value?.length) root._initValue(value.length).copyBuffer(value);
    if (version !== undefined) root.version = uint64(version, 'KvChange.version');
  });
}

/** The payload of `initialize`. */
export function encodeInitialize(fields: Partial<Initialize>): Uint8Array {
  const { protocolVersion, runtimeName, runtimeVersion, config } = fields;
  return build(Ipc.Initialize, (root) => {
    if (protocolVersion !== undefined) {
      root.protocolVersion = uint(protocolVersion, UINT16_MAX, 'Initialize.protocolVersion');
    }
    if (runtimeName) root.runtimeName = runtimeName;
    if (runtimeVersion) root.runtimeVersion = runtimeVersion;
    if (config?.length) root._initConfig(config.length).copyBuffer(config);
  });
}

/** The payload of the `response` to `initialize`. */
export function encodeInitialized(fields: Partial<Initialized>): Uint8Array {
  const { protocolVersion, moduleName, moduleVersion, capabilities, methods } = fields;
  const { workers = 0, initialCredit = 0 } = fields;
  return build(Ipc.Initialized, (root) => {
    if (protocolVersion !== undefined) {
      root.protocolVersion = uint(protocolVersion, UINT16_MAX, 'Initialized.protocolVersion');
    }
    if (moduleName) root.moduleName = moduleName;
    if (moduleVersion) root.moduleVersion = moduleVersion;
    if (capabilities?.length) fillTexts(root._initCapabilities(capabilities.length), capabilities);
    if (methods?.length) fillTexts(root._initMethods(methods.length), methods);
    root.workers = uint(workers, UINT16_MAX, 'Initialized.workers');
    root.initialCredit = uint(initialCredit, UINT32_MAX, 'Initialized.initialCredit');
  });
}

/** The payload of the `response` to `health`. */
export function encodeHealthReport(fields: HealthReport): Uint8Array {
  return build(Ipc.HealthReport, (root) => {
    root.status = HEALTH_STATUSES.indexOf(fields.status) as Ipc.HealthReport['status'];
    root.openStreams = uint(fields.openStreams, UINT32_MAX, 'HealthReport.openStreams');
    root.queuedOpens = uint(fields.queuedOpens, UINT32_MAX, 'HealthReport.queuedOpens');
    root.workers = uint(fields.workers, UINT16_MAX, 'HealthReport.workers');
    root.busyWorkers = uint(fields.busyWorkers, UINT16_MAX, 'HealthReport.busyWorkers');
    root.uptimeMs = counter(fields.uptimeMs, 'HealthReport.uptimeMs');
    root.framesIn = counter(fields.framesIn, 'HealthReport.framesIn');
    root.framesOut = counter(fields.framesOut, 'HealthReport.framesOut');
    root.bytesIn = counter(fields.bytesIn, 'HealthReport.bytesIn');
    root.bytesOut = counter(fields.bytesOut, 'HealthReport.bytesOut');
    root.rssBytes = counter(fields.rssBytes, 'HealthReport.rssBytes');
  });
}

/** The payload of `shutdown`. */
export function encodeShutdown({ drainMs }: Partial<Shutdown>): Uint8Array {
  return build(Ipc.Shutdown, (root) => {
    if (drainMs !== undefined) root.drainMs = uint(drainMs, UINT32_MAX, 'Shutdown.drainMs');
  });
}

/**
 * The first frame of a stream, unlike the others a whole `streamFrame` envelope, ready for the wire.
 *
 * @param initialCredit bytes that the module may send at first (UInt32); left out: the schema's default, 262,144
 */
export function encodeOpenFrame(
  id: StreamId,
  context: InvocationContextInit,
  initialCredit?: number,
): Uint8Array {
  const frame = build(StreamFrame, (root) => {
    root.streamId.hi = BigInt(`0x${id.slice(0, 16)}`);
    root.streamId.lo = BigInt(`0x${id.slice(16)}`);
    const open = root._initOpen();
    if (initialCredit !== undefined) {
      open.initialCredit = uint(initialCredit, UINT32_MAX, 'Open.initialCredit');
    }
    fillContext(open._initContext(), context);
  });
  return encodeEnvelope('streamFrame', id, frame);
}

/** A message of one segment, since capnp-es's default arena grows instead of adding segments. */
function build<Root extends Struct>(
  Type: Parameters<typeof Message.initRoot<Root>>[0],
  fill: (root: Root) => void,
): Uint8Array {
  const message = new Message();
  fill(message.initRoot(Type));
  return new Uint8Array(message.toArrayBuffer());
}

function fillContext(to: Ipc.InvocationContext, context: InvocationContextInit): void {
  const { invocationId, method, caller, tenant, traceparent, tracestate, metadata } = context;
  if (invocationId) to.invocationId = invocationId;
  if (method) to.method = method;
  if (caller) to.caller = caller;
  if (tenant) to.tenant = tenant;
  to.deadlineUnixMs = counter(context.deadlineUnixMs ?? 0, 'InvocationContext.deadlineUnixMs');
  if (traceparent) to.traceparent = traceparent;
  if (tracestate) to.tracestate = tracestate;
  if (!metadata?.length) return;
  const entries = to._initMetadata(metadata.length);
  metadata.forEach(([key, value], i) => {
    const entry = entries.get(i);
    if (key) entry.key = key;
    if (value) entry.value = value;
  });
}

function fillTexts(to: { set(index: number, text: string): void }, texts: readonly string[]): void {
  texts.forEach((text, i) => to.set(i, text));
}

function uint(value: number, max: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${field}: ${value} is not an integer from 0 to ${max}`);
}

/** A number in a UInt64 field; one above 2^53 would no longer be the number that was meant. */
function counter(value: number, field: string): bigint {
  return BigInt(uint(value, Number.MAX_SAFE_INTEGER, field));
}

function uint64(value: bigint, field: string): bigint {
  if (value >= 0n && value <= UINT64_MAX) return value;
  throw new RangeError(`${field}: ${value} is not an integer from 0 to ${UINT64_MAX}`);
}
