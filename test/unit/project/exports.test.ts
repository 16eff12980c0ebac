import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Package {
  readonly name: string;
  readonly type: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

const root = new URL('../../../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Package;

/** The source of a compiled entry: `./dist/src/x.js` is made of `src/x.ts`. */
function sourceOf(path: string): URL {
  return new URL(path.replace(/^\.\/dist\//, '').replace(/\.d\.ts$|\.js$/, '.ts'), root);
}

test('module authors get exactly this from the package', async () => {
  const entry = (await import('../../../src/index.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry).sort(), [
    'ERROR_CODES',
    'ModuleError',
    'bytes',
    'defineMethod',
    'defineModule',
    'defineRequest',
    'issuesOf',
    'json',
    'many',
    'ndjson',
    'one',
    'revealContext',
    'text',
    'withServices',
  ]);
});

test('hosts get exactly this from the package', async () => {
  const entry = (await import('../../../src/host/index.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry).sort(), [
    'ContractViolation',
    'HostSession',
    'ModuleError',
    'ModuleProcess',
    'spawnModule',
    'withMethods',
  ]);
});

test('hosts and nodes on NATS get exactly this from the package', async () => {
  const entry = (await import('../../../src/nats/index.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry).sort(), [
    'ModuleError',
    'ModuleNode',
    'NatsModule',
    'connectModule',
    'joinModule',
  ]);
});

test('tests get exactly this from the package', async () => {
  const entry = (await import('../../../src/testing/index.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry).sort(), ['merge', 'mockStream', 'rechunk', 'testModule']);
});

test('who speaks the wire gets exactly this from the package', async () => {
  const entry = (await import('../../../src/wire/index.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry).sort(), [
    'DEFAULT_WIRE_LIMITS',
    'EMPTY_PAYLOAD',
    'ERROR_CODES',
    'FRAME_ARM',
    'FrameEncoder',
    'Framer',
    'GrantBatch',
    'HEALTH_STATUSES',
    'INITIAL_CREDIT',
    'KV_OPERATIONS',
    'MAX_CREDIT',
    'MAX_DATA_BYTES',
    'MAX_PROGRESS_BYTES',
    'MAX_REQUEST_ID_BYTES',
    'MESSAGE_TYPE',
    'MESSAGE_TYPES',
    'METHOD_KINDS',
    'METHOD_MODES',
    'MIN_DATA_COST',
    'MalformedError',
    'MessageDecoder',
    'PROTOCOL_VERSION',
    'ReceiveWindow',
    'dataCost',
    'decodeHandleRequest',
    'decodeHandleResponse',
    'decodeHealth',
    'decodeHealthReport',
    'decodeInitialize',
    'decodeInitialized',
    'decodeIpcError',
    'decodeKvChange',
    'decodeServiceRequest',
    'decodeServiceResponse',
    'decodeShutdown',
    'encodeEnvelope',
    'encodeHandleRequest',
    'encodeHandleResponse',
    'encodeHealthReport',
    'encodeInitialize',
    'encodeInitialized',
    'encodeIpcError',
    'encodeKvChange',
    'encodeServiceRequest',
    'encodeServiceResponse',
    'encodeShutdown',
    'grantFits',
    'messageTypeFromNumber',
    'parseStreamId',
    'streamIdFromWords',
    'streamIdWords',
  ]);
});

test('who has Cap’n Proto structs gets exactly this from the package', async () => {
  const entry = (await import('../../../src/capnp/index.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry), ['capnp']);
});

test('who listens gets exactly this from the package, and each channel has a name of its own', async () => {
  const entry = (await import('../../../src/diagnostics.ts')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry), ['channels']);
  const channels = entry['channels'] as Record<string, { readonly name: string }>;
  assert.deepEqual(
    Object.values(channels).map(({ name }) => name),
    [
      'ixt-sdk:stream.open',
      'ixt-sdk:stream.start',
      'ixt-sdk:stream.stop',
      'ixt-sdk:stream.end',
      'ixt-sdk:worker.ready',
      'ixt-sdk:worker.exit',
      'ixt-sdk:worker.short',
      'ixt-sdk:stats',
      'ixt-sdk:handler.start',
      'ixt-sdk:handler.firstByte',
      'ixt-sdk:handler.stall',
      'ixt-sdk:handler.resume',
      'ixt-sdk:handler.end',
      'ixt-sdk:print',
    ],
  );
});

test('every entry of the package has a source, and its types are of the same file', () => {
  assert.ok(Object.keys(manifest.exports).length > 0);
  for (const [name, entry] of Object.entries(manifest.exports)) {
    if (typeof entry === 'string') {
      assert.equal(name, './package.json');
      continue;
    }
    assert.equal(sourceOf(entry.types).href, sourceOf(entry.default).href, name);
    assert.ok(readFileSync(sourceOf(entry.default), 'utf8').length > 0, name);
  }
});

test('every command of the package is shipped', () => {
  for (const path of Object.values(manifest.bin)) {
    assert.match(readFileSync(new URL(path, root), 'utf8'), /^#!/, path);
    assert.ok(
      manifest.files.some((prefix) => path.replace(/^\.\//, '').startsWith(prefix)),
      path,
    );
  }
});

test('defineModule gives back what it got, and ModuleError carries its three fields', async () => {
  const { defineModule, ModuleError } = await import('../../../src/index.ts');
  const definition = { name: 'm', version: '1.0.0' };
  assert.equal(defineModule(definition), definition);
  const cause = new Error('below');
  const error = new ModuleError('unavailable', 'later', { details: new Uint8Array([1]), cause });
  assert.ok(error instanceof Error);
  assert.deepEqual(
    [error.name, error.code, error.message, error.details, error.cause],
    ['ModuleError', 'unavailable', 'later', new Uint8Array([1]), cause],
  );
  assert.equal(new ModuleError('internal', 'x').details.length, 0);
});
