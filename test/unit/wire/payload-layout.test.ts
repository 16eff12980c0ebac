import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../../schema/generated/ipc.ts';
import { ERROR_CODES } from '../../../src/errors.ts';
import * as decode from '../../../src/wire/payload-decode.ts';
import * as encode from '../../../src/wire/payload-encode.ts';
import { SCHEMA_DEFAULT } from '../../../src/wire/schema-defaults.ts';
import { NO_BYTES } from '../../../src/wire/capnp/bytes.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { FRAME_ARM, FrameDecoder } from '../../../src/wire/frame.ts';
import {
  INITIAL_CREDIT,
  MAX_DATA_BYTES,
  MIN_DATA_COST,
  PROTOCOL_VERSION,
} from '../../../src/wire/flow-limits.ts';
import { METHOD_KINDS, METHOD_MODES, type MethodInfo } from '../../../src/wire/method-info.ts';
import { MESSAGE_TYPES } from '../../../src/wire/message-type.ts';
import {
  buildMessage,
  fieldOf,
  readLayout,
  structOf,
  type FieldValue,
  type StructValue,
} from '../../support/layout.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

// No offset below is our own: messages are built by the compiler's listing, one field at a time, and read by the hand-written codec.
const layout = readLayout();

const CONTEXT_DEFAULTS = {
  invocationId: '',
  method: '',
  caller: '',
  tenant: '',
  deadlineUnixMs: 0,
  traceparent: '',
  tracestate: '',
  metadata: [],
};
const NO_PAYLOAD = { codec: '', jsonSchema: '', single: false, typeName: '' };
const METHOD_DEFAULTS: MethodInfo = {
  name: '',
  mode: 'sync',
  description: '',
  input: NO_PAYLOAD,
  output: NO_PAYLOAD,
  timeoutMs: 0,
  concurrency: 0,
  kind: 'stream',
  progress: NO_PAYLOAD,
};
const SOME_BYTES = Uint8Array.of(1, 2, 3);

/** A decoder that gives the struct's fields, with what it says for a message in which nothing is set. */
interface Reader {
  readonly struct: string;
  readonly build?: (value: StructValue) => Uint8Array;
  readonly read: (message: Uint8Array) => object;
  readonly defaults: object;
}

const frames = new FrameDecoder(DEFAULT_WIRE_LIMITS);

function readFrame(message: Uint8Array): FrameDecoder {
  frames.decode(message, 0, message.length);
  return frames;
}

/** The first method of an Initialized; zero length stands for one with nothing in it. */
function firstMethodIn(message: Uint8Array): MethodInfo {
  return decode.decodeInitialized(message).methodInfo[0] ?? METHOD_DEFAULTS;
}

const READERS: readonly Reader[] = [
  {
    // Has no payload of its own.
    struct: 'InvocationContext',
    build: (value) => buildMessage(layout, 'HandleRequest', { context: value }),
    read: (message) => decode.decodeHandleRequest(message).context,
    defaults: CONTEXT_DEFAULTS,
  },
  {
    struct: 'IpcError',
    read: (message) => {
      const { code, message: text, details } = decode.decodeIpcError(message);
      return { code, message: text, details };
    },
    defaults: { code: 'internal', message: '', details: NO_BYTES },
  },
  {
    struct: 'HandleRequest',
    read: (message) => {
      const { context, body } = decode.decodeHandleRequest(message);
      return { context, body };
    },
    defaults: { context: CONTEXT_DEFAULTS, body: NO_BYTES },
  },
  { struct: 'HandleResponse', read: decode.decodeHandleResponse, defaults: { body: NO_BYTES } },
  {
    struct: 'ServiceRequest',
    read: decode.decodeServiceRequest,
    defaults: { service: '', method: '', body: NO_BYTES, context: CONTEXT_DEFAULTS },
  },
  { struct: 'ServiceResponse', read: decode.decodeServiceResponse, defaults: { body: NO_BYTES } },
  {
    struct: 'KvChange',
    read: decode.decodeKvChange,
    defaults: { key: '', operation: 'set', value: NO_BYTES, version: 0n },
  },
  {
    struct: 'Initialize',
    read: decode.decodeInitialize,
    defaults: { protocolVersion: 1, runtimeName: '', runtimeVersion: '', config: NO_BYTES, accepts: [] },
  },
  {
    struct: 'Initialized',
    read: decode.decodeInitialized,
    defaults: {
      protocolVersion: 1,
      moduleName: '',
      moduleVersion: '',
      capabilities: [],
      methods: [],
      workers: 0,
      initialCredit: 0,
      methodInfo: [],
    },
  },
  {
    struct: 'MethodInfo',
    // Has no payload of its own.
    build: (value) => buildMessage(layout, 'Initialized', { methodInfo: [value] }),
    read: (message) => firstMethodIn(message),
    defaults: METHOD_DEFAULTS,
  },
  {
    struct: 'PayloadInfo',
    build: (value) => buildMessage(layout, 'Initialized', { methodInfo: [{ output: value }] }),
    read: (message) => firstMethodIn(message).output,
    defaults: NO_PAYLOAD,
  },
  {
    struct: 'HealthReport',
    read: decode.decodeHealthReport,
    defaults: {
      status: 'serving',
      openStreams: 0,
      queuedOpens: 0,
      workers: 0,
      busyWorkers: 0,
      uptimeMs: 0,
      framesIn: 0,
      framesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      rssBytes: 0,
    },
  },
  { struct: 'Shutdown', read: decode.decodeShutdown, defaults: { drainMs: 5000 } },
];

/** A value for a field that no other field of the struct has by default, and how our decoders show it. */
function sampleOf(struct: string, name: string): { given: FieldValue; shown: unknown } {
  const { type, bits } = fieldOf(layout, struct, name);
  switch (type) {
    case 'Text':
      return { given: `the ${name}`, shown: `the ${name}` };
    case 'Data':
      return { given: SOME_BYTES, shown: SOME_BYTES };
    case 'List(Text)':
      return { given: ['one', '', 'three'], shown: ['one', '', 'three'] };
    case 'List(Entry)': {
      const entries = [{ key: 'k', value: 'v' }, { value: 'only' }, { key: 'k', value: 'again' }];
      return { given: entries, shown: entries.map(({ key = '', value }) => [key, value]) };
    }
    case 'List(MethodInfo)': {
      const methods = [{ name: 'one' }, { name: 'two', output: { codec: 'json', single: 1 } }];
      const output = { ...NO_PAYLOAD, codec: 'json', single: true };
      return {
        given: methods,
        shown: [
          { ...METHOD_DEFAULTS, name: 'one' },
          { ...METHOD_DEFAULTS, name: 'two', output },
        ],
      };
    }
    case 'PayloadInfo':
      return { given: { typeName: 'Point' }, shown: { ...NO_PAYLOAD, typeName: 'Point' } };
    case 'Bool':
      return { given: 1, shown: true };
    case 'InvocationContext':
      return { given: { method: 'm' }, shown: { ...CONTEXT_DEFAULTS, method: 'm' } };
    case 'UInt64': {
      const large = 0x1f_0203_0405_0607n;
      return { given: large, shown: struct === 'KvChange' ? large : Number(large) };
    }
    case 'UInt16':
    case 'UInt32': {
      // All bits set but one, in every byte something else: neither a byte nor a sign may get lost.
      const number = bits!.end - bits!.start === 16 ? 0xfe02 : 0xfe02_0304;
      return { given: number, shown: number };
    }
    default: {
      const last = layout.enums.get(`${struct}.${type}`)?.at(-1) ?? layout.enums.get(type)!.at(-1)!;
      return { given: last, shown: last };
    }
  }
}

for (const { struct, read, defaults, ...reader } of READERS) {
  const build = reader.build ?? ((value: StructValue) => buildMessage(layout, struct, value));
  test(`each field of ${struct} is read where the compiler puts it, and alone`, () => {
    const names = [...structOf(layout, struct).fields.keys()];
    assert.deepEqual(names, Object.keys(defaults), 'the decoder knows the fields of the schema');
    for (const name of names) {
      const { given, shown } = sampleOf(struct, name);
      assert.deepEqual(read(build({ [name]: given })), { ...defaults, [name]: shown });
    }
  });

  test(`${struct} with nothing set has the defaults of the schema`, () => {
    assert.deepEqual(read(build({})), defaults);
    for (const [name, shown] of Object.entries(defaults)) {
      const { bits, type, defaultValue } = fieldOf(layout, struct, name);
      if (bits !== undefined && type.startsWith('UInt'))
        assert.equal(BigInt(shown as number), defaultValue, name);
    }
    assert.deepEqual(read(NO_BYTES), defaults, 'zero length');
  });
}

test('each field of the envelope is read where the compiler puts it', () => {
  const envelope = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  const read = (value: Record<string, FieldValue>): unknown => {
    const message = buildMessage(layout, 'IpcEnvelope', value);
    envelope.decode(message, 0, message.length);
    return [envelope.typeNumber, envelope.requestId(), envelope.payload()];
  };
  assert.deepEqual(read({ messageType: 'streamFrame' }), [9, '', NO_BYTES]);
  assert.deepEqual(read({ requestId: 'r-1' }), [0, 'r-1', NO_BYTES]);
  assert.deepEqual(read({ payload: SOME_BYTES }), [0, '', SOME_BYTES]);
});

test('the stream id, the arm and the value of each arm are read where the compiler puts them', () => {
  const build = (value: Record<string, FieldValue>): FrameDecoder =>
    readFrame(buildMessage(layout, 'StreamFrame', value));
  const idOf = ({ id0, id1, id2, id3 }: FrameDecoder): number[] =>
    [id0, id1, id2, id3].map((word) => word >>> 0);
  assert.deepEqual(idOf(build({ 'streamId.hi': 0xfedc_ba98_7654_3210n })), [0xfedc_ba98, 0x7654_3210, 0, 0]);
  assert.deepEqual(idOf(build({ 'streamId.lo': 0xfedc_ba98_7654_3210n })), [0, 0, 0xfedc_ba98, 0x7654_3210]);
  for (const [arm, number] of Object.entries(FRAME_ARM)) {
    assert.equal(number, fieldOf(layout, 'StreamFrame', arm).unionTag, arm);
  }
  assert.equal([...structOf(layout, 'StreamFrame').fields.values()].at(-1)!.unionTag, FRAME_ARM.progress);

  const data = build({ data: SOME_BYTES });
  assert.equal(data.arm, FRAME_ARM.data);
  assert.equal(data.dataEnd - data.dataStart, SOME_BYTES.length);
  const progress = build({ progress: SOME_BYTES });
  assert.equal(progress.arm, FRAME_ARM.progress);
  assert.equal(progress.dataEnd - progress.dataStart, SOME_BYTES.length);
  assert.equal(build({ credit: 0xfe02_0304 }).credit, 0xfe02_0304);
  assert.equal(build({ close: null }).arm, FRAME_ARM.close);
  assert.equal(build({ cancel: 'why' }).cancelReason(), 'why');
  const { code, message, details } = build({
    error: { code: 'cancelled', message: 'm', details: SOME_BYTES },
  }).error();
  assert.deepEqual({ code, message, details }, { code: 'cancelled', message: 'm', details: SOME_BYTES });
});

test('an Open is read where the compiler puts it, its first credit by XOR with the default', () => {
  for (const initialCredit of [0, 1, 262_144, 2 ** 31, 2 ** 32 - 1]) {
    const open = { context: { method: 'm' }, initialCredit };
    const fields = readFrame(buildMessage(layout, 'StreamFrame', { open })).open();
    assert.equal(fields.initialCredit, initialCredit);
    assert.equal(fields.context.method, 'm');
  }
  const defaults = readFrame(buildMessage(layout, 'StreamFrame', { open: {} })).open();
  assert.equal(BigInt(defaults.initialCredit), fieldOf(layout, 'Open', 'initialCredit').defaultValue);
  assert.deepEqual(defaults.context, CONTEXT_DEFAULTS);
});

test('the constants are those of the schemas', () => {
  const constants = Object.fromEntries(layout.constants);
  assert.deepEqual(constants, {
    initialCredit: BigInt(INITIAL_CREDIT),
    maxDataBytes: BigInt(MAX_DATA_BYTES),
    minDataCost: BigInt(MIN_DATA_COST),
  });
  assert.equal(fieldOf(layout, 'Open', 'initialCredit').defaultValue, BigInt(SCHEMA_DEFAULT.initialCredit));
  assert.equal(fieldOf(layout, 'Shutdown', 'drainMs').defaultValue, BigInt(SCHEMA_DEFAULT.drainMs));
  for (const struct of ['Initialize', 'Initialized']) {
    const { defaultValue } = fieldOf(layout, struct, 'protocolVersion');
    assert.equal(defaultValue, BigInt(SCHEMA_DEFAULT.protocolVersion));
  }
});

test('the version that is spoken is on the wire what its number says, whichever it is', () => {
  // The first word of the struct, behind the table and the root pointer; the compiler XORs a value with the schema's default.
  const wire = (payload: Uint8Array): number => new DataView(payload.buffer).getUint16(16, true);
  const ofSchema = Number(fieldOf(layout, 'Initialize', 'protocolVersion').defaultValue);
  for (const encodeOne of [encode.encodeInitialize, encode.encodeInitialized]) {
    assert.equal(
      wire(encodeOne({})) ^ ofSchema,
      PROTOCOL_VERSION,
      'a side that says nothing else says what it speaks',
    );
    for (const version of [0, 1, 2, 0xffff]) {
      assert.equal(wire(encodeOne({ protocolVersion: version })) ^ ofSchema, version);
    }
  }
});

test('version 1 is spoken: another one needs a protocol page that says what is different', () => {
  assert.equal(PROTOCOL_VERSION, 1);
});

test('the names of every enum are those of the schema, in its order', () => {
  assert.deepEqual([...MESSAGE_TYPES], layout.enums.get('IpcEnvelope.MessageType'));
  assert.deepEqual([...ERROR_CODES], layout.enums.get('ErrorCode'));
  assert.deepEqual([...decode.KV_OPERATIONS], layout.enums.get('KvChange.Operation'));
  assert.deepEqual([...decode.HEALTH_STATUSES], layout.enums.get('HealthReport.Status'));
  assert.deepEqual([...METHOD_MODES], layout.enums.get('MethodInfo.Mode'));
  assert.deepEqual([...METHOD_KINDS], layout.enums.get('MethodInfo.Kind'));
  // The generated file is of the same schema as the listing: it was not forgotten when a code was added.
  assert.deepEqual(Object.values(ErrorCode), [...ERROR_CODES.keys()]);
});
