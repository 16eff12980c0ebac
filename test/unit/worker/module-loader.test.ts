import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { z } from 'zod';
import { defineModule, type ModuleDefinition, type ServerStream } from '../../../src/index.ts';
import { json, ndjson, text } from '../../../src/methods/codec.ts';
import { one } from '../../../src/methods/payload.ts';
import { defineMethod, defineRequest } from '../../../src/methods/shape.ts';
import { encodeInitialized } from '../../../src/wire/payload-encode.ts';
import {
  checkModule,
  loadModule,
  ModuleLoadError,
  type LoadedModule,
} from '../../../src/worker/module-loader.ts';

const NAMED = { name: 'm', version: '1.0.0' };

function check(value: unknown): LoadedModule {
  return checkModule(value, '/m.js');
}

/** Writes a module file and loads it. */
async function load(t: TestContext, text: string, name = 'module.mjs'): Promise<LoadedModule> {
  const folder = mkdtempSync(join(tmpdir(), 'loader-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text);
  return loadModule(join(folder, name));
}

function complains(what: RegExp) {
  return (error: unknown): boolean => error instanceof ModuleLoadError && what.test(error.message);
}

test('what a module leaves out is not in its manifest', () => {
  const loaded = check(NAMED);
  assert.deepEqual(loaded.manifest, { ...NAMED, streams: undefined, handle: undefined, kvChange: false });
  assert.equal(loaded.streamHandler('any'), undefined);
});

test('a single handler serves every method, in the mode of its kind', () => {
  const kinds = [
    ['sync', (): void => {}],
    ['sync', function* () {}],
    ['async', async () => {}],
    ['async', async function* () {}],
  ] as const;
  for (const [mode, onServerStream] of kinds) {
    const loaded = check({ ...NAMED, onServerStream });
    assert.deepEqual(loaded.manifest.streams, { mode });
    assert.ok(loaded.streamHandler('any'));
    assert.equal(loaded.streamHandler('other'), loaded.streamHandler('any'));
  }
});

test('a table lists its methods with their modes, and finds own entries only', () => {
  const echo = async function* (): AsyncGenerator<Uint8Array> {};
  const spin = function* (): Generator<Uint8Array> {};
  const loaded = check({ ...NAMED, onServerStream: { echo, spin } });
  assert.deepEqual(loaded.manifest.streams, {
    methods: [
      { name: 'echo', mode: 'async' },
      { name: 'spin', mode: 'sync' },
    ],
  });
  assert.ok(loaded.streamHandler('echo'));
  assert.notEqual(loaded.streamHandler('echo'), loaded.streamHandler('spin'));
  for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty', '', 'Echo']) {
    assert.equal(loaded.streamHandler(name), undefined, name);
  }
});

test('a handler is called on what it stands in: its module, or the table', () => {
  const seen: unknown[] = [];
  function handler(this: unknown): void {
    seen.push(this);
  }
  const stream = {} as ServerStream;
  const single = { ...NAMED, onServerStream: handler };
  void check(single).streamHandler('any')?.(stream);
  const table = { plain: handler, stated: { mode: 'async', handler } };
  const loaded = check({ ...NAMED, onServerStream: table });
  void loaded.streamHandler('plain')?.(stream);
  void loaded.streamHandler('stated')?.(stream);
  assert.equal(seen[0], single);
  assert.equal(seen[1], table);
  assert.equal(seen[2], table);
});

test('a mode that is stated wins over the function’s kind', () => {
  const handler = (): Promise<void> => Promise.resolve();
  const one = check({ ...NAMED, onServerStream: { mode: 'async', handler } });
  assert.deepEqual(one.manifest.streams, { mode: 'async' });
  assert.ok(one.streamHandler('any'));
  const table = check({ ...NAMED, onServerStream: { tail: { mode: 'async', handler }, plain: handler } });
  assert.deepEqual(table.manifest.streams, {
    methods: [
      { name: 'tail', mode: 'async' },
      { name: 'plain', mode: 'sync' },
    ],
  });
});

test('methods that are called mode and handler are methods', () => {
  const { manifest } = check({ ...NAMED, onServerStream: { mode: () => {}, handler: () => {} } });
  assert.deepEqual(manifest.streams, {
    methods: [
      { name: 'mode', mode: 'sync' },
      { name: 'handler', mode: 'sync' },
    ],
  });
});

test('unary and key-value handlers are told, the unary one with its mode', () => {
  assert.equal(check({ ...NAMED, onHandle: () => new Uint8Array(0) }).manifest.handle, 'sync');
  assert.equal(check({ ...NAMED, onHandle: async () => new Uint8Array(0) }).manifest.handle, 'async');
  const later = async (): Promise<Uint8Array> => new Uint8Array(0);
  assert.equal(check({ ...NAMED, onHandle: { later } }).manifest.handle, 'async');
  const mixed = { later, now: () => new Uint8Array(0) };
  assert.deepEqual(
    check({ ...NAMED, onHandle: mixed }).manifest.requests?.map(({ name, mode }) => [name, mode]),
    Object.entries(mixed).map(([name, entry]) => [name, entry === later ? 'async' : 'sync']),
    'each keeps its own',
  );
  assert.equal(check({ ...NAMED, onKvChange: () => {} }).manifest.kvChange, true);
});

test('what is no module is refused in words for its author', () => {
  assert.throws(() => check(undefined), complains(/\/m\.js has no default export.*defineModule/));
  assert.throws(() => check(null), complains(/exports null/));
  assert.throws(() => check(() => {}), complains(/exports a function/));
  assert.throws(() => check({ version: '1' }), complains(/no name/));
  assert.throws(() => check({ name: 'm' }), complains(/no version/));
  assert.throws(() => check({ ...NAMED, name: 5 }), complains(/no name/));
  for (const hook of ['onKvChange', 'onInit', 'onClose']) {
    assert.throws(
      () => check({ ...NAMED, [hook]: 'text' }),
      complains(new RegExp(`${hook} that is no function`)),
    );
  }
  for (const wrong of [null, 5, 'text']) {
    assert.throws(
      () => check({ ...NAMED, onServerStream: wrong }),
      complains(/neither a function nor a table/),
    );
  }
  for (const wrong of [null, 5, 'text'])
    assert.throws(() => check({ ...NAMED, onHandle: wrong }), complains(/onHandle that is neither/));
  assert.throws(() => check({ ...NAMED, onHandle: { a: 5 } }), complains(/request 'a' that is no function/));
  for (const table of ['onHandle', 'onServerStream'])
    assert.throws(
      () =>
        check({ ...NAMED, [table]: { a: { kind: 'stream', input: {}, mode: 'sync', handler: () => {} } } }),
      complains(/a shape without a handler for the .* 'a'; write a: shape\.handler\(/),
    );
  assert.throws(
    () => check({ ...NAMED, onServerStream: { a: 5 } }),
    complains(/stream method 'a' that is no function/),
  );
});

test('a module file is loaded by its default export', async (t) => {
  const { manifest } = await load(
    t,
    "export default { name: 'file', version: '2.0.0', *onServerStream() {} };",
  );
  assert.equal(manifest.name, 'file');
  assert.deepEqual(manifest.streams, { mode: 'sync' });
});

test('a CommonJS module that was compiled from ESM is unwrapped', async (t) => {
  const text =
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { name: 'cjs', version: '1' };";
  const { manifest } = await load(t, text, 'module.cjs');
  assert.equal(manifest.name, 'cjs');
});

test('a file that isn’t there, is a folder, throws or has an error in it is named, with the place', async (t) => {
  await assert.rejects(loadModule('/nowhere/module.js'), complains(/\/nowhere\/module\.js does not exist/));
  await assert.rejects(loadModule(tmpdir()), complains(/is not a file/));
  await assert.rejects(
    load(t, "\nthrow new Error('at load');"),
    complains(/could not be loaded: at load \(.*module\.mjs:2(:\d+)?\)/),
  );
  await assert.rejects(load(t, "throw 'text';"), complains(/threw text while loading/));
  await assert.rejects(load(t, 'export default {;'), complains(/could not be loaded: .*SyntaxError/));
  await assert.rejects(load(t, "import './missing.js';"), complains(/missing\.js/));
});

test('a name that no host could list is refused where the module is defined, and where it is loaded', () => {
  const long = 'ä'.repeat(513);
  const fits = 'ä'.repeat(512);
  const handler = function* (): Generator<Uint8Array> {};
  const tables: [object, RegExp][] = [
    [{ ...NAMED, name: long }, /the name that begins with 'ä+' has 1026 bytes, the limit is 1024/],
    [{ ...NAMED, version: long }, /the version that begins/],
    [{ ...NAMED, onServerStream: { [long]: handler } }, /the name of a stream method that begins/],
    [
      {
        ...NAMED,
        onServerStream: Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`m${i}`, handler])),
      },
      /40000 stream methods take \d+ bytes, the limit is 524288/,
    ],
  ];
  for (const [definition, message] of tables) {
    assert.throws(() => defineModule(definition as ModuleDefinition), { name: 'RangeError', message });
    assert.throws(() => check(definition), complains(message));
  }
  const table = {
    [fits]: handler,
    ...Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`m${i}`, handler])),
  };
  const largest = { name: fits, version: fits, onServerStream: table };
  const { manifest } = check(defineModule(largest));
  // What main answers with must fit the 1 MiB of an Initialized.
  const methods = Object.keys(table);
  const { name: moduleName, version: moduleVersion } = manifest;
  assert.ok(encodeInitialized({ moduleName, moduleVersion, methods }).length < 1 << 20);
});

const NO_LIMITS = { timeoutMs: 0, concurrency: 0 };

test('a module says of its methods what their shapes state: streams in their order, then requests', () => {
  const point = z.object({ x: z.number() });
  const centre = defineMethod({
    description: 'the middle of some points',
    input: one(json(point)),
    output: ndjson(point),
    progress: text(),
    timeoutMs: 500,
    concurrency: 2,
    maxInputBytes: 1000,
  });
  const sum = defineRequest({ input: json(), output: text(), timeoutMs: 100 });
  const { manifest } = check({
    ...NAMED,
    onServerStream: { centre: centre.handler(async function* () {}), plain() {} },
    onHandle: { sum: sum.handler(() => '') },
  });
  const { methodInfo = [] } = manifest;
  const bytes = { codec: 'bytes', jsonSchema: '', single: false, typeName: '' };
  const [first, ...rest] = methodInfo;
  assert.deepEqual(rest, [
    {
      name: 'plain',
      kind: 'stream',
      mode: 'sync',
      description: '',
      ...NO_LIMITS,
      input: bytes,
      output: bytes,
      progress: undefined,
    },
    {
      ...{ name: 'sum', kind: 'handle', mode: 'sync', description: '', ...NO_LIMITS, timeoutMs: 100 },
      input: { ...bytes, codec: 'json', single: true },
      output: { ...bytes, codec: 'text', single: true },
      progress: undefined,
    },
  ]);
  assert.deepEqual(
    [first?.name, first?.mode, first?.description, first?.timeoutMs, first?.concurrency],
    ['centre', 'async', 'the middle of some points', 500, 2],
  );
  assert.deepEqual([first?.input?.codec, first?.input?.single], ['json', true]);
  assert.deepEqual(
    [first?.output?.codec, first?.output?.single, first?.progress?.codec],
    ['ndjson', false, 'text'],
  );
  const schema = JSON.parse(first?.input?.jsonSchema ?? '') as { type: string; required: string[] };
  assert.deepEqual([schema.type, schema.required], ['object', ['x']]);
  assert.deepEqual(manifest.requests, [{ name: 'sum', mode: 'sync', timeoutMs: 100 }]);
  const limits = { timeoutMs: 500, concurrency: 2, maxInputBytes: 1000 };
  assert.deepEqual(manifest.streams, {
    methods: [
      { name: 'centre', mode: 'async', ...limits },
      { name: 'plain', mode: 'sync' },
    ],
  });
});

test('a codec whose schema throws costs its schema, and a limit that is no number costs the module its load', () => {
  const broken = {
    ...json(),
    jsonSchema: (): never => {
      throw new Error('no');
    },
  };
  const shape = defineMethod({ input: broken });
  const { manifest } = check({ ...NAMED, onServerStream: { m: shape.handler(function* () {}) } });
  assert.equal(manifest.methodInfo?.[0]?.input?.jsonSchema, '');
  const entry = { mode: 'sync', handler() {}, timeoutMs: -1 };
  assert.throws(
    () => check({ ...NAMED, onServerStream: { m: entry } }),
    complains(/'m' with a timeoutMs of -1/),
  );
});
