import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envelopeHeaderBytes } from '../../../src/wire/envelope.ts';
import { MalformedError } from '../../../src/wire/capnp/malformed.ts';
import type { MethodInfo } from '../../../src/wire/method-info.ts';
import { decodeInitialize, decodeInitialized } from '../../../src/wire/payload-decode.ts';
import {
  encodeInitialize,
  encodeInitialized,
  type InitializedInit,
} from '../../../src/wire/payload-encode.ts';
import { INITIALIZE_PAYLOADS } from '../golden/wire.ts';
import {
  bytesPointer,
  farPointer,
  listPointer,
  message,
  NULL,
  structPointer,
  tag,
  textWords,
  type Word,
} from '../../support/wire-words.ts';

const NO_PAYLOAD = { codec: '', jsonSchema: '', single: false, typeName: '' };
const CENTRE = {
  name: 'centre',
  mode: 'async',
  description: 'größe',
  input: { codec: 'json', jsonSchema: '{}', single: true },
  output: { codec: 'capnp', typeName: 'Point' },
  timeoutMs: 5000,
  concurrency: 3,
  progress: { codec: 'json' },
} as const;
const INITIALIZED: InitializedInit = {
  moduleName: 'm',
  methods: ['centre'],
  workers: 2,
  initialCredit: 262_144,
  methodInfo: [CENTRE, { name: 'sum', kind: 'handle' }],
};

/** 1 MiB less an envelope with the longest requestId. */
const MOST = 1_048_576 - envelopeHeaderBytes(256);

function methodsOf(fields: InitializedInit): readonly MethodInfo[] {
  const payload = encodeInitialized(fields);
  assert.ok(payload.length <= MOST, `${payload.length} bytes`);
  return decodeInitialized(payload).methodInfo;
}

test('what a module says of its methods is written, and read, as capnp writes it', () => {
  assert.equal(Buffer.from(encodeInitialized(INITIALIZED)).toString('hex'), INITIALIZE_PAYLOADS.initialized);
  const { methodInfo } = decodeInitialized(Buffer.from(INITIALIZE_PAYLOADS.initialized, 'hex'));
  assert.deepEqual(methodInfo, [
    {
      ...CENTRE,
      kind: 'stream',
      input: { ...NO_PAYLOAD, ...CENTRE.input },
      output: { ...NO_PAYLOAD, ...CENTRE.output },
      progress: { ...NO_PAYLOAD, ...CENTRE.progress },
    },
    {
      ...{ name: 'sum', mode: 'sync', description: '', timeoutMs: 0, concurrency: 0, kind: 'handle' },
      ...{ input: NO_PAYLOAD, output: NO_PAYLOAD, progress: NO_PAYLOAD },
    },
  ]);
});

test('what a host accepts is written, and read, as capnp writes it', () => {
  const fields = { runtimeName: 'r', config: Uint8Array.of(0x63), accepts: ['progress', 'later'] };
  assert.equal(Buffer.from(encodeInitialize(fields)).toString('hex'), INITIALIZE_PAYLOADS.initialize);
  const read = decodeInitialize(new Uint8Array(Buffer.from(INITIALIZE_PAYLOADS.initialize, 'hex')));
  assert.deepEqual(read, { ...fields, protocolVersion: 1, runtimeVersion: '' });
});

test('an answer of more than 1 MiB loses the largest JSON Schemas first, and keeps what fits', () => {
  const schema = (kibibytes: number): string => 's'.repeat(kibibytes * 1024);
  const methods = [
    { name: 'small', input: { codec: 'json', jsonSchema: schema(10) } },
    { name: 'large', description: 'kept', output: { codec: 'json', jsonSchema: schema(600) } },
    {
      name: 'middle',
      input: { codec: 'json', jsonSchema: schema(500) },
      progress: { jsonSchema: schema(400) },
    },
  ];
  const kept = methodsOf({ methodInfo: methods }).map((method) => [
    method.input.jsonSchema.length,
    method.output.jsonSchema.length,
    method.progress.jsonSchema.length,
    method.description,
  ]);
  assert.deepEqual(kept, [
    [10_240, 0, 0, ''],
    [0, 0, 0, 'kept'],
    [512_000, 0, 409_600, ''],
  ]);
});

test('then it loses the largest descriptions, and in the end all that it says of methods', () => {
  const text = (kibibytes: number): string => 'é'.repeat(kibibytes * 512);
  const described = [
    { name: 'a', description: text(700), input: { codec: 'json', jsonSchema: text(300) } },
    { name: 'b', description: text(600), input: { codec: 'json', jsonSchema: '{}' } },
  ];
  const kept = methodsOf({ methodInfo: described });
  assert.deepEqual(
    kept.map(({ name, description, input }) => [name, description.length, input]),
    [
      ['a', 0, { ...NO_PAYLOAD, codec: 'json' }],
      ['b', 307_200, { ...NO_PAYLOAD, codec: 'json' }],
    ],
  );
  const many = Array.from({ length: 20_000 }, (_, i) => ({ name: `method-${i}`, description: 'x' }));
  const { methodInfo, moduleName } = decodeInitialized(
    encodeInitialized({ moduleName: 'm', methodInfo: many }),
  );
  assert.deepEqual([methodInfo, moduleName], [[], 'm']);
});

test('an answer of 1 MiB to the byte loses nothing, and of a word more its schema', () => {
  const empty = encodeInitialized({ methodInfo: [{ input: { jsonSchema: 'x' } }] }).length - 8;
  const most = 's'.repeat(MOST - empty - 1);
  assert.equal(methodsOf({ methodInfo: [{ input: { jsonSchema: most } }] })[0]?.input.jsonSchema, most);
  assert.equal(methodsOf({ methodInfo: [{ input: { jsonSchema: `${most}s` } }] })[0]?.input.jsonSchema, '');
});

/** An Initialized with nothing but the methods behind `pointer`. */
function withMethods(pointer: Word, ...rest: Word[]): Uint8Array {
  return message([structPointer(0, 1, 5), NULL, NULL, NULL, NULL, NULL, pointer, ...rest]);
}

function refuses(what: string, bytes: Uint8Array): void {
  assert.throws(
    () => decodeInitialized(bytes),
    (error) => error instanceof MalformedError && error.what === what,
    what,
  );
}

test('methods without a byte behind them, and one text for a thousand of them, are refused before they fill memory', () => {
  refuses('traversal', withMethods(listPointer(0, 7, 0), tag(2 ** 22, 0, 0)));
  // Each method has one pointer, its name, and all lead to one text of 1,000 bytes.
  const count = 1000;
  const pointers = Array.from({ length: count }, (_, i) => bytesPointer(count - 1 - i, 1001));
  refuses(
    'traversal',
    withMethods(listPointer(0, 7, count), tag(count, 0, 1), ...pointers, ...textWords('n'.repeat(1000))),
  );
});

test('a mode and a kind that nobody knows, and a pointer to nowhere, are malformed', () => {
  const method = (data: number): Word[] => [tag(1, 1, 1), [data, 0], NULL];
  assert.equal(
    decodeInitialized(withMethods(listPointer(0, 7, 2), ...method(0x0001_0001))).methodInfo.length,
    1,
  );
  refuses('enumerant', withMethods(listPointer(0, 7, 2), ...method(2)));
  refuses('enumerant', withMethods(listPointer(0, 7, 2), ...method(0x0002_0000)));
  refuses('far-pointer', withMethods(farPointer(7, 0)));
});
