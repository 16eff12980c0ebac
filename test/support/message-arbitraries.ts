import fc from 'fast-check';
import { ERROR_CODES } from '../../src/errors.ts';
import * as decode from '../../src/wire/payload-decode.ts';
import * as encode from '../../src/wire/payload-encode.ts';
import type { InvocationContext } from '../../src/wire/context.ts';
import { EnvelopeDecoder, encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { METHOD_KINDS, METHOD_MODES } from '../../src/wire/method-info.ts';
import { MESSAGE_TYPES, messageTypeFromNumber } from '../../src/wire/message-type.ts';
import { parseStreamId, type StreamId } from '../../src/wire/stream-id.ts';
import { errorCodeNumber } from '../../src/errors.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { decodeMessage } from './decoded-message.ts';
import { DEFAULT_WIRE_LIMITS } from '../../src/wire/capnp/limits.ts';

/** One kind of message: any value of it, what our encoder makes, and what our decoder must make of that. */
export interface MessageKind {
  /** The struct at the root. */
  readonly struct: string;
  /** Any legal value, encoded, with what has to come out again. */
  readonly any: fc.Arbitrary<{ readonly bytes: Uint8Array; readonly expected: object }>;
  readonly read: (bytes: Uint8Array) => object;
}

// Every character but halves of one: those no UTF-8 has.
const text = fc.string({ unit: 'binary', maxLength: 40 });
const data = fc.uint8Array({ maxLength: 90 });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint53 = fc.maxSafeNat();

const context: fc.Arbitrary<InvocationContext> = fc.record({
  invocationId: text,
  method: text,
  caller: text,
  tenant: text,
  deadlineUnixMs: uint53,
  traceparent: text,
  tracestate: text,
  metadata: fc.array(fc.tuple(text, text), { maxLength: 6 }),
});

function kind<Value extends object>(
  struct: string,
  values: fc.Arbitrary<Value>,
  encoded: (value: Value) => Uint8Array,
  read: (bytes: Uint8Array) => object,
  expected: (value: Value) => object = (value) => value,
): MessageKind {
  return { struct, any: values.map((value) => ({ bytes: encoded(value), expected: expected(value) })), read };
}

const texts = fc.array(text, { maxLength: 5 });
const payloadInfo = fc.record({ codec: text, jsonSchema: text, single: fc.boolean(), typeName: text });
const methodInfo = fc.record({
  name: text,
  mode: fc.constantFrom(...METHOD_MODES),
  description: text,
  input: payloadInfo,
  output: payloadInfo,
  timeoutMs: uint32,
  concurrency: uint32,
  kind: fc.constantFrom(...METHOD_KINDS),
  progress: payloadInfo,
});

const body = fc.record({ body: data });
const error = fc.record({ code: fc.constantFrom(...ERROR_CODES), message: text, details: data });

/** Every payload, as it is on the wire. */
export const PAYLOADS: readonly MessageKind[] = [
  kind('HandleRequest', fc.record({ context, body: data }), encode.encodeHandleRequest, (bytes) => {
    const { contextBytes: _, ...rest } = decode.decodeHandleRequest(bytes);
    return rest;
  }),
  kind('HandleResponse', body, encode.encodeHandleResponse, decode.decodeHandleResponse),
  kind(
    'ServiceRequest',
    fc.record({ service: text, method: text, body: data, context }),
    encode.encodeServiceRequest,
    decode.decodeServiceRequest,
  ),
  kind('ServiceResponse', body, encode.encodeServiceResponse, decode.decodeServiceResponse),
  kind(
    'KvChange',
    fc.record({
      key: text,
      operation: fc.constantFrom(...decode.KV_OPERATIONS),
      value: data,
      version: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
    encode.encodeKvChange,
    decode.decodeKvChange,
  ),
  kind(
    'Initialize',
    fc.record({
      protocolVersion: uint16,
      runtimeName: text,
      runtimeVersion: text,
      config: data,
      accepts: texts,
    }),
    encode.encodeInitialize,
    decode.decodeInitialize,
  ),
  kind(
    'Initialized',
    fc.record({
      protocolVersion: uint16,
      moduleName: text,
      moduleVersion: text,
      capabilities: texts,
      methods: texts,
      workers: uint16,
      initialCredit: uint32,
      methodInfo: fc.array(methodInfo, { maxLength: 3 }),
    }),
    encode.encodeInitialized,
    decode.decodeInitialized,
  ),
  kind(
    'HealthReport',
    fc.record({
      status: fc.constantFrom(...decode.HEALTH_STATUSES),
      openStreams: uint32,
      queuedOpens: uint32,
      workers: uint16,
      busyWorkers: uint16,
      uptimeMs: uint53,
      framesIn: uint53,
      framesOut: uint53,
      bytesIn: uint53,
      bytesOut: uint53,
      rssBytes: uint53,
    }),
    encode.encodeHealthReport,
    decode.decodeHealthReport,
  ),
  kind('Shutdown', fc.record({ drainMs: uint32 }), encode.encodeShutdown, decode.decodeShutdown),
  kind('IpcError', error, encodeIpcError, decode.decodeIpcError, ({ code, ...rest }) => ({
    codeNumber: errorCodeNumber(code),
    code,
    ...rest,
  })),
];

const envelope = kind(
  'IpcEnvelope',
  fc.record({ type: fc.constantFrom(...MESSAGE_TYPES), requestId: text, payload: data }),
  ({ type, requestId, payload }) => encodeEnvelope(type, requestId, payload),
  (bytes) => {
    const decoder = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
    decoder.decode(bytes, 0, bytes.length);
    const type = messageTypeFromNumber(decoder.typeNumber);
    return { type, requestId: decoder.requestId(), payload: decoder.payload() };
  },
);

const streamId: fc.Arbitrary<StreamId> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => parseStreamId(Buffer.from(bytes).toString('hex')) as StreamId);

/** A frame of some arm, whole envelope, with what `decodeMessage` has to say of it. */
function frame<Value>(
  values: fc.Arbitrary<Value>,
  encoded: (id: StreamId, value: Value) => Uint8Array,
  expected: (value: Value) => object,
): MessageKind {
  return {
    struct: 'StreamFrame',
    any: fc.tuple(streamId, values).map(([id, value]) => ({
      bytes: encoded(id, value),
      expected: { requestId: id, frame: expected(value) },
    })),
    read: (bytes) => {
      const message = decodeMessage(bytes);
      const { contextBytes: _, ...of } = message.frame as typeof message.frame & { contextBytes?: number };
      return { requestId: message.requestId, frame: of };
    },
  };
}

const frames: readonly MessageKind[] = [
  frame(
    fc.record({ context, initialCredit: uint32 }),
    (id, open) => encodeOpenFrame(id, open.context, open.initialCredit),
    (open) => ({ arm: 'open', ...open }),
  ),
  frame(
    data,
    (id, of) => new FrameEncoder(id).data(of),
    (of) => ({ arm: 'data', data: of }),
  ),
  frame(
    data,
    (id, of) => new FrameEncoder(id).progress(of),
    (of) => ({ arm: 'progress', value: of }),
  ),
  frame(
    uint32,
    (id, bytes) => new FrameEncoder(id).credit(bytes),
    (bytes) => ({ arm: 'credit', bytes }),
  ),
  frame(
    fc.constant(null),
    (id) => new FrameEncoder(id).close(),
    () => ({ arm: 'close' }),
  ),
  frame(
    text,
    (id, reason) => new FrameEncoder(id).cancel(reason),
    (reason) => ({ arm: 'cancel', reason }),
  ),
  frame(
    error,
    (id, report) => new FrameEncoder(id).error(report),
    (report) => ({ arm: 'error', codeNumber: errorCodeNumber(report.code), ...report }),
  ),
];

/** Whole messages of the wire: any envelope, and every arm of a frame. */
export const MESSAGES: readonly MessageKind[] = [envelope, ...frames];
