import * as decode from '../../src/wire/payload-decode.ts';
import * as encode from '../../src/wire/payload-encode.ts';
import type { InvocationContext } from '../../src/wire/context.ts';
import type { MethodInfo, PayloadInfo } from '../../src/wire/method-info.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import type { StructValue } from '../support/layout.ts';

/** One message, three times: as the tool is told to make it, as our encoder makes it, and as our decoder must read it. */
export interface Sample {
  readonly struct: string;
  /** What went in, for the message of a failed test. */
  readonly label: string;
  /** The fields in the order in which our encoder writes them, so that the tool's bytes can be the same. */
  readonly value: StructValue;
  readonly encoded: Uint8Array;
  readonly read: (message: Uint8Array) => object;
  readonly expected: object;
}

/** Bytes or characters: around words of 8, around the 4 KiB in which capnp-es grows, and up to the largest Data frame. */
export const SIZES = [0, 1, 7, 8, 9, 64, 4095, 4096, 4097, 65_536, 1_048_576] as const;

/**
 * Preferred words of a segment; `undefined` makes one segment. With 1, every object gets a segment of its own and each pointer is
 * a far one; the others mix far and near.
 */
export const SEGMENT_WORDS = [undefined, 1, 5, 64] as const;

/** `length` bytes with no short period. */
export function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31 + (i >>> 8)) & 255;
  return bytes;
}

const ALPHABET = ['a', '"', '\\', 'é', '\n', '日', '🜁', '\x7f'];

/** `length` characters of one to four bytes. */
export function textOf(length: number): string {
  let text = '';
  for (let i = 0; i < length; i += 1) text += ALPHABET[(i * 5 + (i >>> 3)) % ALPHABET.length]!;
  return text;
}

export const CONTEXT: InvocationContext = {
  invocationId: 'inv-1',
  method: 'größe',
  caller: 'user:4711',
  tenant: 'tenant-é',
  deadlineUnixMs: 1_900_000_000_123,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'a=1',
  metadata: [
    ['k', 'v'],
    ['twice', '1'],
    ['twice', '2'],
  ],
};

/** A context as the tool is told to make it: empty fields are left out, as our encoder does. */
export function contextValue(context: InvocationContext): StructValue {
  return withoutEmpty({
    ...context,
    metadata: context.metadata.map(([key, value]) => withoutEmpty({ key, value })),
  });
}

/** `value` without empty texts, lists and data. */
export function withoutEmpty(value: StructValue): StructValue {
  const isEmpty = (field: StructValue[string]): boolean =>
    typeof field === 'string' || field instanceof Uint8Array || Array.isArray(field)
      ? field.length === 0
      : false;
  return Object.fromEntries(Object.entries(value).filter(([, field]) => !isEmpty(field)));
}

/** A method with something in every field, the texts of `text`. */
function methodInfoOf(size: number, text: string): MethodInfo {
  return {
    name: text,
    mode: size % 2 === 0 ? 'sync' : 'async',
    description: text.slice(0, 5000),
    input: { codec: 'json', jsonSchema: text.slice(0, 5000), single: true, typeName: '' },
    output: { codec: 'capnp', jsonSchema: '', single: false, typeName: 'Point' },
    timeoutMs: 2 ** 32 - 1 - size,
    concurrency: size,
    kind: size % 3 === 0 ? 'stream' : 'handle',
    progress: { codec: '', jsonSchema: '', single: false, typeName: '' },
  };
}

/** A method as the tool is told to make it, in the order in which our encoder writes its texts. */
function methodInfoValue({ name, description, input, output, progress, ...rest }: MethodInfo): StructValue {
  const payload = (of: PayloadInfo): StructValue | null =>
    of.codec === '' ? null : withoutEmpty({ ...of, single: of.single ? 1 : 0 });
  const payloads = Object.entries({ input, output, progress })
    .map(([field, of]) => [field, payload(of)] as const)
    .filter(([, value]) => value !== null);
  return withoutEmpty({ ...rest, name, description, ...Object.fromEntries(payloads) });
}

/** The payload of every unary message, each in every size. */
export function unarySamples(): Sample[] {
  return SIZES.flatMap((size) => samplesOf(size));
}

function samplesOf(size: number): Sample[] {
  const label = `size ${size}`;
  const body = bytesOf(size);
  // Long enough for any text; the tool is slow at reading them.
  const text = textOf(Math.min(size, 65_536));
  const context = { ...CONTEXT, tenant: text.slice(0, 5000) };
  const contextFields = contextValue(context);
  const change: decode.KvChange = {
    key: text,
    operation: size % 2 === 0 ? 'set' : 'delete',
    value: body,
    version: 2n ** 64n - 1n - BigInt(size),
  };
  const initialize: decode.Initialize = {
    protocolVersion: size & 0xffff,
    runtimeName: text,
    runtimeVersion: '1.0',
    config: body,
    accepts: size === 0 ? [] : ['progress', ''],
  };
  const initialized: decode.Initialized = {
    protocolVersion: 1,
    moduleName: 'digest',
    moduleVersion: text,
    capabilities: ['handle', '', 'serverStream'],
    methods: size === 0 ? [] : [text, 'm'],
    workers: 65_535,
    initialCredit: 2 ** 32 - 1 - size,
    methodInfo: size === 0 ? [] : [methodInfoOf(size, text), { ...methodInfoOf(size, ''), name: 'last' }],
  };
  const health: decode.HealthReport = {
    status: size % 2 === 0 ? 'serving' : 'draining',
    openStreams: 2 ** 32 - 1 - size,
    queuedOpens: size,
    workers: 65_535,
    busyWorkers: size & 0xffff,
    uptimeMs: size * 1000,
    framesIn: 2 ** 53 - 1,
    framesOut: 2 ** 32 + size,
    bytesIn: 2 ** 40 + size,
    bytesOut: 0,
    rssBytes: size * 4096,
  };
  const request = { service: text, method: 'get', body, context };
  const error = { code: 'unimplemented', message: text, details: body } as const;
  return [
    {
      struct: 'HandleRequest',
      label,
      value: withoutEmpty({ context: contextFields, body }),
      encoded: encode.encodeHandleRequest({ context, body }),
      read: (message) => {
        const { context: readContext, body: readBody } = decode.decodeHandleRequest(message);
        return { context: readContext, body: readBody };
      },
      expected: { context, body },
    },
    {
      struct: 'HandleResponse',
      label,
      value: withoutEmpty({ body }),
      encoded: encode.encodeHandleResponse({ body }),
      read: decode.decodeHandleResponse,
      expected: { body },
    },
    {
      struct: 'ServiceRequest',
      label,
      value: withoutEmpty({ ...request, context: contextFields }),
      encoded: encode.encodeServiceRequest(request),
      read: decode.decodeServiceRequest,
      expected: request,
    },
    {
      struct: 'ServiceResponse',
      label,
      value: withoutEmpty({ body }),
      encoded: encode.encodeServiceResponse({ body }),
      read: decode.decodeServiceResponse,
      expected: { body },
    },
    {
      struct: 'KvChange',
      label,
      value: withoutEmpty({ ...change }),
      encoded: encode.encodeKvChange(change),
      read: decode.decodeKvChange,
      expected: change,
    },
    {
      struct: 'Initialize',
      label,
      value: withoutEmpty({ ...initialize }),
      encoded: encode.encodeInitialize(initialize),
      read: decode.decodeInitialize,
      expected: initialize,
    },
    {
      struct: 'Initialized',
      label,
      value: withoutEmpty({ ...initialized, methodInfo: initialized.methodInfo.map(methodInfoValue) }),
      encoded: encode.encodeInitialized(initialized),
      read: decode.decodeInitialized,
      expected: initialized,
    },
    {
      struct: 'HealthReport',
      label,
      value: { ...health },
      encoded: encode.encodeHealthReport(health),
      read: decode.decodeHealthReport,
      expected: health,
    },
    {
      struct: 'Shutdown',
      label,
      value: { drainMs: 2 ** 32 - 1 - size },
      encoded: encode.encodeShutdown({ drainMs: 2 ** 32 - 1 - size }),
      read: decode.decodeShutdown,
      expected: { drainMs: 2 ** 32 - 1 - size },
    },
    {
      struct: 'IpcError',
      label,
      // A text is always written here, also an empty one.
      value: size === 0 ? { code: error.code, message: '' } : { ...error },
      encoded: encodeIpcError(error),
      read: decode.decodeIpcError,
      expected: { codeNumber: 12, ...error },
    },
  ];
}
