import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OP } from '../../src/threads/messages.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { decodeIpcError } from '../../src/wire/payload-decode.ts';
import { encodeHandleRequest } from '../../src/wire/payload-encode.ts';
import { encodeOpenFrame, FrameEncoder } from '../../src/wire/frame-encoder.ts';
import type { Manifest, ManifestMethod } from '../../src/threads/manifest.ts';
import { commitEnd } from '../support/fake-workers.ts';
import { MainHarness, type Task } from '../support/main-harness.ts';
import { idOf, MANIFEST } from '../support/module-facts.ts';

/** A module with the methods `free` and `limited`, for streams and for requests. */
function manifestWith(limits: Omit<ManifestMethod, 'name' | 'mode'>): Manifest {
  const methods = [
    { name: 'free', mode: 'sync' },
    { name: 'limited', mode: 'sync', ...limits },
  ] as const;
  return { ...MANIFEST, streams: { methods }, requests: methods };
}

function open(number: number, method = 'limited'): Uint8Array {
  return encodeOpenFrame(idOf(number), { method });
}

function data(number: number, bytes: number): Uint8Array {
  return new FrameEncoder(idOf(number)).data(new Uint8Array(bytes));
}

function request(id: string, method = 'limited', bytes = 0): Uint8Array {
  const context = { method, invocationId: id };
  return encodeEnvelope('handle', id, encodeHandleRequest({ context, body: new Uint8Array(bytes) }));
}

/** The errors among what main has sent: `id code: message`. */
async function errorsOf(harness: MainHarness): Promise<string[]> {
  return (await harness.take()).flatMap(({ type, requestId, frame, payload }) => {
    const id = requestId.replace(/^0+/, '');
    if (frame?.arm === 'error') return [`${id} ${frame.code}: ${frame.message}`];
    if (type !== 'error') return [];
    const { code, message } = decodeIpcError(payload);
    return [`${id} ${code}: ${message}`];
  });
}

test('timeoutMs counts from the start of the handler, and not while the call waits', async () => {
  const harness = new MainHarness({ workers: 1 }, manifestWith({ timeoutMs: 500 }));
  harness.host(open(1, 'free'), open(2));
  harness.clock.advance(10_000);
  const [free] = harness.tasks;
  assert.ok(free);
  commitEnd(free.job, undefined);
  harness.settle(free);
  harness.clock.advance(499);
  assert.equal(harness.task(1).job.control.cause, undefined);
  harness.clock.advance(1);
  assert.equal(harness.task(1).job.control.cause, 'deadlineExceeded');
  const stop = harness.ops.findLast(({ kind }) => kind === OP.stop);
  assert.match(new TextDecoder().decode(stop?.payload), /method 'limited' may run for 500 ms \(timeoutMs\)/);
});

test('a handler that ends in time is not stopped, nor is the next one on its worker', async () => {
  const harness = new MainHarness({ workers: 1 }, manifestWith({ timeoutMs: 500 }));
  harness.host(open(1));
  harness.clock.advance(400);
  commitEnd(harness.task(0).job, undefined);
  harness.settle(harness.task(0));
  assert.deepEqual(harness.clock.delays, [], 'no timer is left');
  harness.host(open(2, 'free'));
  harness.clock.advance(10_000);
  assert.equal(harness.task(1).job.control.cause, undefined);
  assert.deepEqual(await errorsOf(harness), []);
});

test('input of exactly maxInputBytes is taken, and a byte more ends the call, running or waiting', async () => {
  const harness = new MainHarness({ workers: 1 }, manifestWith({ maxInputBytes: 1000 }));
  harness.host(open(1), data(1, 600), data(1, 400));
  harness.host(open(2), data(2, 1000));
  assert.deepEqual(await errorsOf(harness), []);
  harness.host(data(2, 1));
  const reason =
    "resourceExhausted: the method 'limited' takes at most 1000 bytes of input (maxInputBytes); this call has sent 1001";
  assert.deepEqual(await errorsOf(harness), [`2 ${reason}`]);
  harness.host(data(1, 1));
  assert.equal(harness.task(0).job.control.cause, 'resourceExhausted');
  assert.equal(harness.ops.filter(({ kind }) => kind === OP.data).length, 2, 'it got nothing beyond');
});

test('input that came before the module had loaded counts, too', async () => {
  const harness = new MainHarness({ workers: 1 }, null);
  harness.host(open(1), data(1, 1001), open(2), data(2, 1000));
  harness.load(manifestWith({ maxInputBytes: 1000 }));
  assert.match(
    (await errorsOf(harness)).join(),
    /^1 resourceExhausted: the method 'limited' takes at most 1000/,
  );
  assert.equal(harness.task(0).id, idOf(2));
});

test('a request with a body over maxInputBytes is refused, and one that takes too long is stopped', async () => {
  const harness = new MainHarness({ workers: 1 }, manifestWith({ maxInputBytes: 10, timeoutMs: 500 }));
  harness.host(request('large', 'limited', 11), request('fits', 'limited', 10), request('free', 'free', 11));
  assert.match(
    (await errorsOf(harness)).join(),
    /^large resourceExhausted: the method 'limited' takes at most 10 bytes/,
  );
  harness.clock.advance(500);
  assert.equal(harness.task(0).job.control.cause, 'deadlineExceeded');
  harness.clock.advance(1000);
  assert.match(
    (await errorsOf(harness)).join(),
    /fits deadlineExceeded: the method 'limited' may run for 500 ms/,
  );
});

test('above its concurrency a method’s calls wait, and hold up no others', async () => {
  const harness = new MainHarness({ workers: 4 }, manifestWith({ concurrency: 1 }));
  harness.host(open(1), open(2), open(3, 'free'), request('a'), request('b'), request('c', 'free'));
  const running = (id: string): Task | undefined => harness.tasks.find((task) => task.id === id);
  // Streams and requests of one name are two methods.
  assert.deepEqual(harness.tasks.map(({ id }) => id).sort(), [idOf(1), idOf(3), 'a', 'c']);
  const [stream, asked] = [running(idOf(1)), running('a')];
  assert.ok(stream && asked);
  commitEnd(stream.job, undefined);
  harness.settle(stream);
  assert.ok(running(idOf(2)));
  harness.answer(asked, true, new Uint8Array(0));
  assert.ok(running('b'));
});

test('an Open that finds no room to wait for its method is told of the method’s limit', async () => {
  const harness = new MainHarness({ workers: 2, maxQueue: 1 }, manifestWith({ concurrency: 1 }));
  harness.host(open(1), open(2), open(3));
  const message =
    "3 resourceExhausted: the method 'limited' runs 1 calls at a time (concurrency), and 1 wait already";
  assert.deepEqual(await errorsOf(harness), [message]);
  harness.host(new FrameEncoder(idOf(2)).cancel('enough'));
  assert.match((await errorsOf(harness)).join(), /^2 cancelled/);
  harness.host(open(4));
  commitEnd(harness.task(0).job, undefined);
  harness.settle(harness.task(0));
  assert.equal(harness.tasks.at(-1)?.id, idOf(4));
});
