import assert from 'node:assert/strict';
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HostSession } from '../../src/host/index.ts';
import type { TransportHandlers } from '../../src/host/transport/transport.ts';
import { FrameEncoder } from '../../src/wire/frame-encoder.ts';
import { FakeModule } from './fake-module.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** One turn of the event loop, behind which what a WeakRef was made of may go. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const CHUNK_BYTES = 8_192;

test('a reader that is always one chunk behind keeps nothing that it has read', async () => {
  const module = new FakeModule();
  const session = new HostSession(module.transport);
  const stream = session.openStream('source');
  module.data(stream.id, new Uint8Array(CHUNK_BYTES));
  const taken: WeakRef<Uint8Array>[] = [];
  for (let i = 0; i < 20; i++) {
    module.data(stream.id, new Uint8Array(CHUNK_BYTES));
    const { value } = await stream.next();
    assert.ok(value);
    taken.push(new WeakRef(value));
  }
  await turn();
  collectGarbage();
  const kept = taken.filter((chunk) => chunk.deref() !== undefined).length;
  // The loop's own variable may hold the last one.
  assert.ok(kept <= 1, `${kept} of ${taken.length} chunks are still in memory`);
});

/** The kind of a collection; 4 is one of the whole heap. Node's types don't know `detail` of these entries. */
function gcKind(entry: PerformanceEntry): unknown {
  return (entry as PerformanceEntry & { readonly detail: { readonly kind: number } }).detail.kind;
}

test('large payloads that are read and dropped make V8 collect the young part of the heap, not all of it', async () => {
  let handlers: TransportHandlers | undefined;
  const session = new HostSession({
    start: (given) => (handlers = given),
    write: () => true,
    end: () => undefined,
    close: () => undefined,
  });
  const stream = session.openStream('source');
  const payload = new Uint8Array(65_536).fill(7);
  const header = new FrameEncoder(stream.id).dataHeader(payload.length);
  const message = new Uint8Array(header.length + payload.length);
  message.set(header);
  message.set(payload, header.length);
  let whole = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (gcKind(entry) === constants.NODE_PERFORMANCE_GC_MAJOR) whole += 1;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  let read = 0;
  // 1 GiB: sixteen times what V8 lets pile up outside of its heap before it collects all of it.
  for (let i = 0; i < 16_384; i++) {
    handlers?.onData(message);
    const { value } = await stream.next();
    read += value?.length ?? 0;
    if (i % 64 === 0) await turn();
  }
  await turn();
  observer.disconnect();
  assert.equal(read, 16_384 * payload.length);
  assert.ok(whole <= 2, `${whole} collections of the whole heap`);
});
