import assert from 'node:assert/strict';
import { ERROR_CODES } from '../../../src/errors.ts';
import * as cold from '../../../src/wire/payload-decode.ts';
import { readBoundedContext, type InvocationContext } from '../../../src/wire/context.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import type { ErrorFields } from '../../../src/wire/error-payload.ts';
import { FRAME_ARM, FrameDecoder, type OpenFields } from '../../../src/wire/frame.ts';
import { INITIAL_CREDIT } from '../../../src/wire/flow-limits.ts';
import {
  METHOD_KINDS,
  METHOD_MODES,
  readMethodInfo,
  readPayloadInfo,
  type MethodInfo,
  type PayloadInfo,
} from '../../../src/wire/method-info.ts';
import { MessageReader, type StructReader } from '../../../src/wire/capnp/reader.ts';
import type { ReadStruct } from './digest.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

/** A context over this is measured and not built, as in a module with default options. */
const MAX_CONTEXT_BYTES = 65_536;

/** A message that the module refuses by a limit of its own: no malformed one. */
export class OverLimit extends Error {}

/** Reads a whole message with the product's own decoders. */
export type Read = (message: Uint8Array) => ReadStruct;

const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
const reader = new MessageReader(DEFAULT_WIRE_LIMITS);

/** Every struct of both schemas, as the root of a message, with the reader that the product has for it. */
export const TARGETS: Readonly<Record<string, Read>> = {
  IpcEnvelope: (message) => {
    envelope.decode(message, 0, message.length);
    return {
      messageType: envelope.typeNumber,
      requestId: envelope.requestId(),
      payload: envelope.payload(),
    };
  },
  StreamFrame: (message) => {
    frame.decode(message, 0, message.length);
    const streamId = { hi: join(frame.id0, frame.id1), lo: join(frame.id2, frame.id3) };
    return { streamId, which: frame.arm, ...armOf(message) };
  },
  Open: (message) => {
    const root = rootOf(message);
    const { context, contextBytes } = readBoundedContext(root.struct(0), MAX_CONTEXT_BYTES);
    return openValue({ context, contextBytes, initialCredit: (root.uint32(0) ^ INITIAL_CREDIT) >>> 0 });
  },
  InvocationContext: (message) => {
    const { context, contextBytes } = readBoundedContext(rootOf(message), MAX_CONTEXT_BYTES);
    return bounded(context, contextBytes);
  },
  'InvocationContext.Entry': (message) => {
    const root = rootOf(message);
    return { key: root.text(0), value: root.text(1) };
  },
  IpcError: (message) => errorValue(cold.decodeIpcError(message)),
  HandleRequest: (message) => {
    const { context, contextBytes, body } = cold.decodeHandleRequest(message, MAX_CONTEXT_BYTES);
    return { context: bounded(context, contextBytes), body };
  },
  HandleResponse: (message) => ({ ...cold.decodeHandleResponse(message) }),
  ServiceRequest: (message) => {
    const { context, ...rest } = cold.decodeServiceRequest(message);
    return { ...rest, context: contextValue(context) };
  },
  ServiceResponse: (message) => ({ ...cold.decodeServiceResponse(message) }),
  KvChange: (message) => {
    const { operation, ...rest } = cold.decodeKvChange(message);
    return { ...rest, operation: cold.KV_OPERATIONS.indexOf(operation) };
  },
  Initialize: (message) => ({ ...cold.decodeInitialize(message) }),
  Initialized: (message) => {
    const { methodInfo, ...rest } = cold.decodeInitialized(message);
    return { ...rest, methodInfo: methodInfo.map(methodValue) };
  },
  MethodInfo: (message) => methodValue(readMethodInfo(rootOf(message))),
  PayloadInfo: (message) => payloadValue(readPayloadInfo(rootOf(message))),
  HealthReport: (message) => {
    const { status, ...rest } = cold.decodeHealthReport(message);
    return { ...rest, status: cold.HEALTH_STATUSES.indexOf(status) };
  },
  Shutdown: (message) => ({ ...cold.decodeShutdown(message) }),
};

function methodValue({ mode, kind, input, output, progress, ...rest }: MethodInfo): ReadStruct {
  return {
    ...rest,
    mode: METHOD_MODES.indexOf(mode),
    kind: METHOD_KINDS.indexOf(kind),
    input: payloadValue(input),
    output: payloadValue(output),
    progress: payloadValue(progress),
  };
}

function payloadValue({ single, ...rest }: PayloadInfo): ReadStruct {
  return { ...rest, single: single ? 1 : 0 };
}

function rootOf(message: Uint8Array): StructReader {
  reader.open(message, 0, message.length);
  return reader.root();
}

/** The arm of the frame that was decoded last. */
function armOf(message: Uint8Array): ReadStruct {
  switch (frame.arm) {
    case FRAME_ARM.open:
      return { open: openValue(headThenContext()) };
    case FRAME_ARM.data:
      return { data: message.subarray(frame.dataStart, frame.dataEnd) };
    case FRAME_ARM.progress:
      return { progress: message.subarray(frame.dataStart, frame.dataEnd) };
    case FRAME_ARM.credit:
      return { credit: frame.credit };
    case FRAME_ARM.cancel:
      return { cancel: frame.cancelReason() };
    case FRAME_ARM.error:
      return { error: errorValue(frame.error()) };
    default:
      return {};
  }
}

/** An Open as it is read: main finds all that is wrong with it, so that its thread finds nothing. */
function headThenContext(): OpenFields {
  const { context, initialCredit } = frame.openHead(MAX_CONTEXT_BYTES);
  const { contextBytes, metadataEntries, method, deadlineUnixMs } = context;
  if (contextBytes > MAX_CONTEXT_BYTES) return frame.open(MAX_CONTEXT_BYTES);
  try {
    const whole = frame.openContext();
    assert.deepEqual(
      [whole.metadata.length, whole.method, whole.deadlineUnixMs],
      [metadataEntries, method, deadlineUnixMs],
    );
    return { context: whole, contextBytes, initialCredit };
  } catch (error) {
    throw new Error('the thread finds what main has not', { cause: error });
  }
}

function openValue({ context, contextBytes, initialCredit }: OpenFields): ReadStruct {
  return { context: bounded(context, contextBytes), initialCredit };
}

function bounded(context: InvocationContext, bytes: number): ReadStruct {
  if (bytes > MAX_CONTEXT_BYTES) throw new OverLimit();
  return contextValue(context);
}

function contextValue({ metadata, ...rest }: InvocationContext): ReadStruct {
  return { ...rest, metadata: metadata.map(([key, value]) => ({ key, value })) };
}

function errorValue({ codeNumber, code, ...rest }: ErrorFields): ReadStruct {
  // A code that nobody knows reads as internal; the number says what was there.
  if (codeNumber < ERROR_CODES.length && ERROR_CODES[codeNumber] !== code)
    throw new Error('a code is misread');
  return { ...rest, code: codeNumber };
}

function join(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
