import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as decode from '../../../src/wire/payload-decode.ts';
import * as encode from '../../../src/wire/payload-encode.ts';
import { encodeOpenFrame } from '../../../src/wire/frame-encoder.ts';
import type { InvocationContext } from '../../../src/wire/context.ts';
import { NO_BYTES } from '../../../src/wire/capnp/bytes.ts';
import { EnvelopeDecoder } from '../../../src/wire/envelope.ts';
import { encodeIpcError } from '../../../src/wire/error-payload.ts';
import { FrameDecoder, type OpenFields } from '../../../src/wire/frame.ts';
import { MalformedError, type MalformedKind } from '../../../src/wire/capnp/malformed.ts';
import { parseStreamId } from '../../../src/wire/stream-id.ts';
import { buildMessage, fieldOf, readLayout, structOf } from '../../support/layout.ts';
import { DEFAULT_WIRE_LIMITS } from '../../../src/wire/capnp/limits.ts';

const layout = readLayout();
const BODY = Uint8Array.from({ length: 77 }, (_, i) => i * 3);
const ID = parseStreamId('000102030405060708090a0b0c0d0eff')!;

const CONTEXT: InvocationContext = {
  invocationId: 'inv-1',
  method: 'größe/日本/🜁',
  caller: 'user:4711',
  tenant: '',
  deadlineUnixMs: 1_900_000_000_000,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'a=1,b=2',
  metadata: [
    ['k', 'v'],
    ['', 'no key'],
    ['k', ''],
  ],
};
/** {@link CONTEXT} as the layout's builder takes it. */
const CONTEXT_VALUE = {
  invocationId: CONTEXT.invocationId,
  method: CONTEXT.method,
  caller: CONTEXT.caller,
  deadlineUnixMs: CONTEXT.deadlineUnixMs,
  traceparent: CONTEXT.traceparent,
  tracestate: CONTEXT.tracestate,
  metadata: [{ key: 'k', value: 'v' }, { value: 'no key' }, { key: 'k' }],
};

const HEALTH: decode.HealthReport = {
  status: 'draining',
  openStreams: 2 ** 32 - 1,
  queuedOpens: 1024,
  workers: 65_535,
  busyWorkers: 3,
  uptimeMs: 2 ** 53 - 1,
  framesIn: 1,
  framesOut: 2 ** 32,
  bytesIn: 2 ** 40 + 1,
  bytesOut: 0,
  rssBytes: 123_456_789,
};

function openOf(envelope: Uint8Array): OpenFields {
  const decoder = new EnvelopeDecoder(DEFAULT_WIRE_LIMITS);
  decoder.decode(envelope, 0, envelope.length);
  assert.equal(decoder.typeNumber, 9);
  assert.equal(decoder.requestId(), ID);
  const frame = new FrameDecoder(DEFAULT_WIRE_LIMITS);
  frame.decode(decoder.bytes, decoder.payloadStart, decoder.payloadEnd);
  assert.ok(frame.idMatches(decoder.bytes, decoder.requestIdStart));
  return frame.open();
}

function assertMalformed(run: () => unknown, what: MalformedKind): void {
  assert.throws(run, (error) => error instanceof MalformedError && error.what === what, `no ${what}`);
}

test("what is encoded is what the schema's listing describes, byte for byte", () => {
  const cases: [struct: string, value: Parameters<typeof buildMessage>[2], encoded: Uint8Array][] = [
    [
      'HandleRequest',
      { context: CONTEXT_VALUE, body: BODY },
      encode.encodeHandleRequest({ context: CONTEXT, body: BODY }),
    ],
    ['HandleRequest', {}, encode.encodeHandleRequest({ body: NO_BYTES })],
    ['HandleResponse', { body: BODY }, encode.encodeHandleResponse({ body: BODY })],
    [
      'ServiceRequest',
      { service: 's', method: 'm', body: BODY, context: CONTEXT_VALUE },
      encode.encodeServiceRequest({ service: 's', method: 'm', body: BODY, context: CONTEXT }),
    ],
    ['ServiceResponse', { body: BODY }, encode.encodeServiceResponse({ body: BODY })],
    [
      'KvChange',
      { key: 'k', operation: 'delete', value: BODY, version: 2n ** 64n - 1n },
      encode.encodeKvChange({ key: 'k', operation: 'delete', value: BODY, version: 2n ** 64n - 1n }),
    ],
    [
      'Initialize',
      { protocolVersion: 2, runtimeName: 'n', runtimeVersion: 'v', config: BODY },
      encode.encodeInitialize({ protocolVersion: 2, runtimeName: 'n', runtimeVersion: 'v', config: BODY }),
    ],
    [
      'Initialized',
      {
        moduleName: 'n',
        moduleVersion: 'v',
        capabilities: ['a', 'b'],
        methods: ['m'],
        workers: 2,
        initialCredit: 5,
      },
      encode.encodeInitialized({
        protocolVersion: 1,
        moduleName: 'n',
        moduleVersion: 'v',
        capabilities: ['a', 'b'],
        methods: ['m'],
        workers: 2,
        initialCredit: 5,
      }),
    ],
    ['HealthReport', { ...HEALTH }, encode.encodeHealthReport(HEALTH)],
    ['Shutdown', { drainMs: 0 }, encode.encodeShutdown({ drainMs: 0 })],
    ['Shutdown', {}, encode.encodeShutdown({})],
  ];
  for (const [struct, value, encoded] of cases) {
    assert.deepEqual(Buffer.from(encoded), Buffer.from(buildMessage(layout, struct, value)), struct);
  }
});

test('an open frame is one whole envelope with the frame that the listing describes', () => {
  const frame = buildMessage(layout, 'StreamFrame', {
    'streamId.hi': 0x0001_0203_0405_0607n,
    'streamId.lo': 0x0809_0a0b_0c0d_0effn,
    open: { initialCredit: 7, context: CONTEXT_VALUE },
  });
  const envelope = buildMessage(layout, 'IpcEnvelope', {
    messageType: 'streamFrame',
    requestId: ID,
    payload: frame,
  });
  assert.deepEqual(Buffer.from(encodeOpenFrame(ID, CONTEXT, 7)), Buffer.from(envelope));
});

test('a context comes back as it went, with its size as serialised', () => {
  const { context, contextBytes } = decode.decodeHandleRequest(
    encode.encodeHandleRequest({ context: CONTEXT }),
  );
  assert.deepEqual(context, CONTEXT);
  // All of the message but its table, the root pointer and the two pointers of HandleRequest.
  assert.equal(contextBytes, encode.encodeHandleRequest({ context: CONTEXT }).length - 8 - 8 - 16);
  assert.deepEqual(openOf(encodeOpenFrame(ID, CONTEXT)).context, CONTEXT);
  const asked = decode.decodeServiceRequest(encode.encodeServiceRequest({ service: 's', context: CONTEXT }));
  assert.deepEqual(asked.context, CONTEXT);
});

test('the first credit of an open goes over the wire whole, around its default and in the upper half', () => {
  for (const credit of [
    0,
    1,
    262_143,
    262_144,
    262_145,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 262_144,
    2 ** 32 - 1,
  ]) {
    assert.equal(openOf(encodeOpenFrame(ID, {}, credit)).initialCredit, credit);
  }
  assert.equal(openOf(encodeOpenFrame(ID, {})).initialCredit, 262_144);
  for (const credit of [0, 262_144, 2 ** 31, 2 ** 32 - 1]) {
    const payload = encode.encodeInitialized({ initialCredit: credit });
    assert.equal(decode.decodeInitialized(payload).initialCredit, credit);
  }
  for (const drainMs of [0, 5000, 2 ** 31, 2 ** 32 - 1]) {
    assert.equal(decode.decodeShutdown(encode.encodeShutdown({ drainMs })).drainMs, drainMs);
  }
});

test('a lone surrogate becomes U+FFFD, and what follows it is intact', () => {
  const payload = encode.encodeKvChange({ key: 'a\ud800b\udc00', value: BODY, version: 9n });
  const change = decode.decodeKvChange(payload);
  assert.equal(change.key, 'a\ufffdb\ufffd');
  assert.deepEqual(change.value, BODY);
  assert.equal(change.version, 9n);
});

test('texts with NUL, BOM and astral characters come back as they went', () => {
  for (const text of ['a\0b', '\ufeffbom', '\u{1f600}'.repeat(3), '\0']) {
    assert.equal(decode.decodeKvChange(encode.encodeKvChange({ key: text })).key, text);
  }
});

test("a message that outgrows the builder's first buffers comes back whole", () => {
  // capnp-es starts with 4 KiB and grows by copying; fields are set before and after each growth.
  const long = 'x'.repeat(5000);
  const metadata = Array.from({ length: 256 }, (_, i) => [`key-${i}`, long.slice(0, i)] as const);
  const context = { ...CONTEXT, method: long, caller: long, metadata };
  const body = new Uint8Array(1 << 20).fill(7);
  const request = decode.decodeServiceRequest(encode.encodeServiceRequest({ service: long, context, body }));
  assert.deepEqual(request, { service: long, method: '', body, context });
});

test('a body that is a view into a larger buffer is copied alone', () => {
  const pool = Buffer.from('before-body-after');
  const view = pool.subarray(7, 11);
  const payload = encode.encodeHandleResponse({ body: view });
  assert.equal(Buffer.from(decode.decodeHandleResponse(payload).body).toString(), 'body');
  assert.equal(
    payload.buffer.byteLength,
    payload.length,
    'the array has its buffer to itself and may be transferred',
  );
});

test('a payload may lie anywhere in a larger buffer', () => {
  const payload = encode.encodeHandleResponse({ body: BODY });
  const pool = new Uint8Array(payload.length + 13).fill(0xff);
  pool.set(payload, 5);
  assert.deepEqual(decode.decodeHandleResponse(pool.subarray(5, 5 + payload.length)).body, BODY);
});

test('a body that no list pointer can describe is refused, and the next message is sound', () => {
  assert.throws(() => encode.encodeHandleResponse({ body: new Uint8Array(2 ** 29) }), RangeError);
  assert.deepEqual(decode.decodeHandleResponse(encode.encodeHandleResponse({ body: BODY })).body, BODY);
});

test('what is no text and no bytes is refused, and the next message is sound', () => {
  const refused: (() => unknown)[] = [
    () => encode.encodeKvChange({ key: 5 as never }),
    () => encode.encodeInitialized({ methods: [{} as never] }),
    () => encodeOpenFrame(ID, { ...CONTEXT, metadata: [['key', true as never]] }),
    () => encode.encodeHandleResponse({ body: [1, 2] as never }),
    () => encode.encodeHandleResponse({ body: new ArrayBuffer(8) as never }),
  ];
  for (const build of refused) {
    assert.throws(build, TypeError);
    // Whatever the refused one has left behind.
    const empty = decode.decodeKvChange(encode.encodeKvChange({}));
    assert.deepEqual([empty.key, empty.value.length, empty.version], ['', 0, 0n]);
  }
});

test('a number that its field can not hold is refused instead of wrapped', () => {
  const refused: (() => unknown)[] = [
    () => encode.encodeInitialized({ workers: 65_536 }),
    () => encode.encodeInitialized({ initialCredit: 2 ** 32 }),
    () => encode.encodeShutdown({ drainMs: -1 }),
    () => encode.encodeShutdown({ drainMs: 0.5 }),
    () => encode.encodeInitialize({ protocolVersion: Number.NaN }),
    () => encode.encodeHandleRequest({ context: { deadlineUnixMs: 2 ** 53 } }),
    () => encode.encodeHealthReport({ ...HEALTH, uptimeMs: 1.5 }),
    () => encode.encodeKvChange({ version: -1n }),
    () => encode.encodeKvChange({ version: 2n ** 64n }),
    () => encodeOpenFrame(ID, {}, 2 ** 32),
  ];
  for (const run of refused) assert.throws(run, RangeError);
});

test('what is read from a Node Buffer is plain bytes, and the details of an error are a copy', () => {
  const payload = Buffer.from(encodeIpcError({ code: 'internal', message: 'm', details: BODY }));
  const { details } = decode.decodeIpcError(payload);
  const { body } = decode.decodeHandleResponse(Buffer.from(encode.encodeHandleResponse({ body: BODY })));
  payload.fill(0xee);
  assert.deepEqual(details, BODY);
  assert.deepEqual(body, BODY);
});

test('an operation or a status that nobody knows is malformed', () => {
  const number = (struct: string, field: string): Uint8Array => {
    const message = buildMessage(layout, struct, {});
    new DataView(message.buffer).setUint16(16 + fieldOf(layout, struct, field).bits!.start / 8, 2, true);
    return message;
  };
  assertMalformed(() => decode.decodeKvChange(number('KvChange', 'operation')), 'enumerant');
  assertMalformed(() => decode.decodeHealthReport(number('HealthReport', 'status')), 'enumerant');
});

test('an error code that nobody knows reads as internal and keeps its number', () => {
  const message = encodeIpcError({ code: 'internal', message: 'm' });
  new DataView(message.buffer).setUint16(16, 999, true);
  const { code, codeNumber } = decode.decodeIpcError(message);
  assert.deepEqual({ code, codeNumber }, { code: 'internal', codeNumber: 999 });
});

test('fields that a newer schema added are ignored', () => {
  const newer = readLayout();
  const old = structOf(newer, 'KvChange');
  newer.structs.set('KvChange', {
    dataBytes: old.dataBytes + 16,
    pointerCount: old.pointerCount + 2,
    unionBit: undefined,
    fields: new Map(old.fields)
      .set('region', { ...fieldOf(newer, 'KvChange', 'key'), name: 'region', pointer: old.pointerCount + 1 })
      .set('epoch', {
        ...fieldOf(newer, 'KvChange', 'version'),
        name: 'epoch',
        bits: { start: 192, end: 256 },
      }),
  });
  const value = { key: 'k', operation: 'delete', value: BODY, version: 3n };
  const message = buildMessage(newer, 'KvChange', { ...value, region: 'eu', epoch: 12n });
  assert.deepEqual(decode.decodeKvChange(message), value);
});

test('a context over the limit is measured and not built', () => {
  const payload = encode.encodeHandleRequest({ context: CONTEXT, body: BODY });
  const { contextBytes } = decode.decodeHandleRequest(payload);
  assert.deepEqual(decode.decodeHandleRequest(payload, contextBytes).context, CONTEXT);
  const refused = decode.decodeHandleRequest(payload, contextBytes - 1);
  assert.ok(refused.contextBytes > contextBytes - 1);
  assert.equal(refused.context.method, '');
  assert.deepEqual(refused.context.metadata, []);
  assert.deepEqual(refused.body, BODY);
});

test("a payload of more than 16 MiB is read: how large a message may be is the framer's to say", () => {
  const body = new Uint8Array(16 * 1024 * 1024 + 1);
  assert.equal(decode.decodeHandleResponse(encode.encodeHandleResponse({ body })).body.length, body.length);
});

test('a payload that is cut off, or goes on, is malformed at every byte', () => {
  const payload = encode.encodeInitialized({
    moduleName: 'n',
    capabilities: ['handle', 'kvChange'],
    methods: ['m'],
  });
  for (let length = 1; length < payload.length; length += 1) {
    assert.throws(
      () => decode.decodeInitialized(payload.subarray(0, length)),
      MalformedError,
      `cut at ${length}`,
    );
  }
  assertMalformed(
    () => decode.decodeInitialized(Buffer.concat([payload, new Uint8Array(8)])),
    'trailing-bytes',
  );
});

test('text without its NUL, and text that is not UTF-8, are malformed in every list and field', () => {
  const payload = encode.encodeInitialized({ capabilities: ['abcdefg'] });
  const at = Buffer.from(payload).indexOf('abcdefg');
  const patched = (offset: number, byte: number): Uint8Array => {
    const copy = payload.slice();
    copy[at + offset] = byte;
    return copy;
  };
  assertMalformed(() => decode.decodeInitialized(patched(7, 0x41)), 'text-termination');
  assertMalformed(() => decode.decodeInitialized(patched(3, 0xff)), 'text-utf8');
});
