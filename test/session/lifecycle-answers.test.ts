import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHealthReport, decodeInitialized, decodeIpcError } from '../../src/wire/payload-decode.ts';
import { encodeInitialize } from '../../src/wire/payload-encode.ts';
import { EMPTY_PAYLOAD } from '../../src/wire/envelope.ts';
import { MANIFEST } from '../support/module-facts.ts';
import { LifecycleBench } from './lifecycle-bench.ts';

test('initialize is answered once the first worker has loaded, with what the module offers', () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onInitialize('i', encodeInitialize({ config: new Uint8Array([1, 2]) }));
  assert.deepEqual(bench.take(), ['config 1,2']);
  bench.lifecycle.onManifest({ ...MANIFEST, kvChange: true });
  bench.lifecycle.onInitialize('later', EMPTY_PAYLOAD);
  assert.deepEqual(bench.take(), ['answer i', 'config ', 'answer later']);
  const initialized = decodeInitialized(bench.payloads.get('i') ?? EMPTY_PAYLOAD);
  assert.deepEqual(initialized, {
    protocolVersion: 1,
    moduleName: 'bench',
    moduleVersion: '1.0.0',
    capabilities: ['handle', 'kvChange', 'serverStream'],
    methods: ['echo', 'tail'],
    workers: 3,
    initialCredit: 262_144,
    methodInfo: [],
  });
});

test('capabilities are only what the module has, and methods only what it names', () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onManifest({ ...MANIFEST, handle: undefined, streams: { mode: 'sync' } });
  bench.lifecycle.onInitialize('i', EMPTY_PAYLOAD);
  const { capabilities, methods } = decodeInitialized(bench.payloads.get('i') ?? EMPTY_PAYLOAD);
  assert.deepEqual([capabilities, methods], [['serverStream'], []]);
});

test('a larger first window is announced', () => {
  const bench = new LifecycleBench({ receiveWindow: 1 << 20 });
  bench.lifecycle.onInitialize('i', EMPTY_PAYLOAD);
  assert.equal(decodeInitialized(bench.payloads.get('i') ?? EMPTY_PAYLOAD).initialCredit, 1 << 20);
});

test('a protocol version that the module does not speak is refused with its own', () => {
  const bench = new LifecycleBench();
  bench.lifecycle.onInitialize('i', encodeInitialize({ protocolVersion: 2, config: new Uint8Array([1]) }));
  assert.deepEqual(bench.take(), ['refuse i'], 'and its config is not taken');
  const { code, message } = decodeIpcError(bench.payloads.get('i') ?? EMPTY_PAYLOAD);
  assert.equal(code, 'unimplemented');
  assert.match(message, /\b1\b/);
});

test('health is answered at any time and says whether the module drains', () => {
  const bench = new LifecycleBench();
  bench.clock.advance(1234);
  bench.lifecycle.onHealth('h', EMPTY_PAYLOAD);
  const serving = decodeHealthReport(bench.payloads.get('h') ?? EMPTY_PAYLOAD);
  assert.ok(serving.rssBytes > 1 << 20);
  assert.deepEqual(
    { ...serving, rssBytes: 0 },
    {
      status: 'serving',
      openStreams: 1,
      queuedOpens: 2,
      workers: 3,
      busyWorkers: 3,
      uptimeMs: 1234,
      framesIn: 4,
      framesOut: 5,
      bytesIn: 6,
      bytesOut: 7,
      rssBytes: 0,
    },
  );
  bench.lifecycle.onShutdown('s', EMPTY_PAYLOAD);
  bench.lifecycle.onHealth('h', EMPTY_PAYLOAD);
  assert.equal(decodeHealthReport(bench.payloads.get('h') ?? EMPTY_PAYLOAD).status, 'draining');
});

test('initialize is refused with the cause where no worker can be had, and answered again when one is back', () => {
  const bench = new LifecycleBench({ isLoaded: false });
  bench.lifecycle.onInitialize('waits', encodeInitialize({}));
  bench.unavailable = 'no thread can start';
  bench.lifecycle.onNoWorker(bench.unavailable);
  bench.lifecycle.onInitialize('comes', encodeInitialize({}));
  bench.unavailable = undefined;
  bench.lifecycle.onInitialize('later', encodeInitialize({}));
  bench.lifecycle.onManifest(MANIFEST);
  assert.deepEqual(
    bench.take().filter((line) => !line.startsWith('config')),
    ['refuse waits', 'refuse comes', 'answer later'],
  );
  const { code, message } = decodeIpcError(bench.payloads.get('comes') ?? EMPTY_PAYLOAD);
  assert.equal(code, 'unavailable');
  assert.match(message, /no thread can start/);
});
