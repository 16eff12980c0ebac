import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHandleResponse, decodeIpcError } from '../../src/wire/payload-decode.ts';
import { encodeHandleRequest, encodeHandleResponse } from '../../src/wire/payload-encode.ts';
import { encodeOpenFrame } from '../../src/wire/frame-encoder.ts';
import type { InvocationContextInit } from '../../src/wire/context.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { OP } from '../../src/threads/messages.ts';
import { MainHarness } from '../support/main-harness.ts';
import { idOf, MANIFEST, NOW } from '../support/module-facts.ts';

function ask(requestId: string, body = new Uint8Array(0), context: InvocationContextInit = {}): Uint8Array {
  const payload = encodeHandleRequest({
    context: { method: 'm', ...context, invocationId: requestId },
    body,
  });
  return encodeEnvelope('handle', requestId, payload);
}

/** What main has answered, each as `id body bytes` or `id code`. */
async function answers(harness: MainHarness): Promise<string[]> {
  return (await harness.take()).map(({ type, requestId, payload }) => {
    if (type === 'response') return `${requestId} [${decodeHandleResponse(payload).body.join()}]`;
    return `${requestId} ${decodeIpcError(payload).code}`;
  });
}

test('a request runs, and its body goes back as one response', async () => {
  const harness = new MainHarness();
  const request = ask('a', new Uint8Array([1, 2, 3]));
  harness.host(request);
  request.fill(0xee);
  assert.deepEqual(harness.task(0).body, new Uint8Array([1, 2, 3]), 'the read buffer is used again');
  harness.answer(harness.task(0), true, new Uint8Array([4, 5]));
  assert.deepEqual(await answers(harness), ['a [4,5]']);
  assert.equal(await harness.endsAtOnce(), true);
});

test('a failure goes back with its code, and once', async () => {
  const harness = new MainHarness();
  harness.host(ask('a'));
  const task = harness.task(0);
  const payload = encodeIpcError({ code: 'unavailable', message: 'later' });
  task.link.say({ type: 'answer', jobId: task.number, ok: false, payload });
  harness.answer(task, true, new Uint8Array([1]));
  assert.deepEqual(await answers(harness), ['a unavailable']);
});

test('requests and streams share the workers, first come, first served', async () => {
  const harness = new MainHarness();
  harness.host(ask('a'), encodeOpenFrame(idOf(1), { method: 'echo' }), ask('b'));
  assert.deepEqual(
    harness.tasks.map(({ id }) => id),
    ['a'],
  );
  harness.answer(harness.task(0), true, new Uint8Array(0));
  assert.equal(harness.tasks[1]?.id, idOf(1));
});

test('an asynchronous request shares its worker beside a synchronous one in the same table, which has it to itself', () => {
  const harness = new MainHarness(
    { streamsPerWorker: 4 },
    {
      ...MANIFEST,
      handle: 'async',
      requests: [
        { name: 'waits', mode: 'async' },
        { name: 'computes', mode: 'sync' },
      ],
    },
  );
  const running = (): string[] => harness.tasks.map(({ id }) => id);
  const end = (at: number): void => harness.answer(harness.task(at), true, new Uint8Array(0));
  const waits = (requestId: string): Uint8Array => ask(requestId, undefined, { method: 'waits' });
  harness.host(waits('1'), waits('2'), ask('alone', undefined, { method: 'computes' }), waits('3'));
  assert.deepEqual(running(), ['1', '2'], 'two at once, and nobody overtakes who needs the worker to itself');
  end(0);
  assert.deepEqual(running(), ['1', '2']);
  end(1);
  assert.deepEqual(running(), ['1', '2', 'alone']);
  end(2);
  assert.deepEqual(running(), ['1', '2', 'alone', '3']);
});

test('a module without onHandle refuses with unimplemented, also what came before it had loaded', async () => {
  const harness = new MainHarness({}, null);
  harness.host(ask('a'));
  assert.deepEqual(await answers(harness), []);
  harness.load({ ...MANIFEST, handle: undefined });
  assert.deepEqual(await answers(harness), ['a unimplemented']);
  harness.host(ask('b'));
  assert.deepEqual(await answers(harness), ['b unimplemented']);
  assert.equal(await harness.endsAtOnce(), true);
});

test('requests that come before the first worker has loaded run then', async () => {
  const harness = new MainHarness({ workers: 2 }, null);
  harness.host(ask('a'), ask('b'));
  harness.load(MANIFEST);
  assert.deepEqual(
    harness.tasks.map(({ id }) => id),
    ['a', 'b'],
  );
});

test('requests that wait are bounded by number', async () => {
  const harness = new MainHarness({ maxWaiting: 2 });
  harness.host(ask('runs'), ask('1'), ask('2'), ask('3'));
  assert.deepEqual(await answers(harness), ['3 resourceExhausted']);
});

test('requests that wait are bounded by bytes', async () => {
  // Two contexts of 64 bytes, with a method and an id of 8 each.
  const harness = new MainHarness({ maxWaitingBytes: 1000 + 2 * 80 });
  harness.host(
    ask('runs', new Uint8Array(5000)),
    ask('1', new Uint8Array(600)),
    ask('2', new Uint8Array(401)),
  );
  assert.deepEqual(await answers(harness), ['2 resourceExhausted']);
  harness.host(ask('3', new Uint8Array(400)));
  assert.deepEqual(await answers(harness), [], 'exactly the limit');
});

test('a request with an oversized context, or in a module that drains, is refused', async () => {
  const harness = new MainHarness({ maxContextBytes: 2048, maxMetadataEntries: 2 });
  harness.host(ask('a', undefined, { caller: 'x'.repeat(3000) }));
  harness.host(
    ask('b', undefined, {
      metadata: [
        ['k', ''],
        ['k', ''],
        ['k', ''],
      ],
    }),
  );
  harness.drain();
  harness.host(ask('c'));
  assert.deepEqual(await answers(harness), ['a invalidArgument', 'b invalidArgument', 'c unavailable']);
});

test('a deadline refuses what is too late, ends what waits, and stops what runs', async () => {
  const harness = new MainHarness();
  const until = (ms: number): InvocationContextInit => ({ deadlineUnixMs: NOW + ms });
  harness.host(
    ask('late', undefined, until(-1)),
    ask('runs', undefined, until(100)),
    ask('waits', undefined, until(100)),
  );
  assert.deepEqual(await answers(harness), ['late deadlineExceeded']);
  harness.clock.advance(100);
  assert.deepEqual(await answers(harness), ['waits deadlineExceeded']);
  const task = harness.task(0);
  assert.equal(task.job.control.cause, 'deadlineExceeded');
  assert.ok(harness.ops.some(({ kind, job }) => kind === OP.stop && job === task.number));
  // Whatever the handler makes of it, the cause that was decided first wins.
  harness.answer(task, true, new Uint8Array([1]));
  assert.deepEqual(await answers(harness), ['runs deadlineExceeded']);
});

test('a handler that ignores its deadline loses its worker, and the host gets the deadline as the cause', async () => {
  const harness = new MainHarness();
  harness.host(ask('a', undefined, { deadlineUnixMs: NOW + 100 }));
  harness.clock.advance(100);
  harness.clock.advance(1000);
  assert.deepEqual(await answers(harness), ['a deadlineExceeded']);
});

test('a worker that dies fails its request with how it died, once', async () => {
  const harness = new MainHarness();
  harness.host(ask('a'), ask('b'));
  harness.crash(harness.task(0), 'exit code 7');
  const [message] = await harness.take();
  const { code, message: text } = decodeIpcError(message?.payload ?? new Uint8Array(0));
  assert.equal(code, 'workerCrashed');
  assert.match(text, /exit code 7/);
  assert.equal(harness.tasks[1]?.id, 'b', 'the next one has the new worker');
});

test('a handler that settles without an answer is an internal error', async () => {
  const harness = new MainHarness();
  harness.host(ask('a'));
  harness.settle(harness.task(0));
  assert.deepEqual(await answers(harness), ['a internal']);
});

test('a result is sent as long as its message is within the limit, and is resourceExhausted beyond', async () => {
  const body = new Uint8Array(8000);
  // The reference for the size is the encoder, which knows nothing of the limit.
  const limit = encodeEnvelope('response', 'a', encodeHandleResponse({ body })).length;
  for (const [bytes, outcome] of [
    [body.length, 'a response'],
    [body.length + 1, 'a error'],
  ] as const) {
    const harness = new MainHarness({ maxMessageBytes: limit });
    harness.host(ask('a'));
    harness.answer(harness.task(0), true, new Uint8Array(bytes));
    assert.deepEqual(await harness.takeBrief(), [outcome], `${bytes} bytes`);
  }
});

test('the end of the connection cancels what waits at once and stops what runs', async () => {
  const harness = new MainHarness();
  harness.host(ask('a'), ask('b'));
  harness.main.onHostGone();
  assert.deepEqual(await answers(harness), ['b cancelled']);
  assert.equal(harness.task(0).job.control.cause, 'cancelled');
  harness.answer(harness.task(0), true, new Uint8Array(0));
  assert.deepEqual(await answers(harness), ['a cancelled']);
  assert.deepEqual(harness.exits, [0]);
  harness.clock.advance(1000);
  assert.equal(harness.task(0).link.isTerminated, false, 'its time to stop was over with its answer');
});

test('an error that a worker’s answer or the host’s words bring is within the limit of a message', async () => {
  const harness = new MainHarness();
  harness.host(ask('a'));
  harness.crash(harness.task(0), 'x'.repeat(50_000));
  const [message] = await harness.take();
  assert.ok(decodeIpcError(message?.payload ?? new Uint8Array(0)).message.length <= 4096);
});

test('where no worker can be had for a while, requests that wait and that come are refused with the cause', async () => {
  const harness = new MainHarness();
  harness.host(ask('runs'), ask('waits'));
  harness.loseThreads('no thread can start');
  harness.host(ask('comes'));
  const sent = await harness.take();
  assert.deepEqual(
    sent.map(({ requestId, payload }) => [requestId, decodeIpcError(payload).code]),
    [
      ['runs', 'workerCrashed'],
      ['waits', 'unavailable'],
      ['comes', 'unavailable'],
    ],
  );
  for (const { payload } of sent.slice(1))
    assert.match(decodeIpcError(payload).message, /no thread can start/);
  assert.equal(await harness.endsAtOnce(), true);
});

test('a request that comes ahead of the first load is refused while no worker can be had', async () => {
  const harness = new MainHarness({}, null);
  harness.host(ask('waits'));
  harness.loseThreads('no thread can start');
  harness.host(ask('comes'));
  assert.deepEqual(await answers(harness), ['waits unavailable', 'comes unavailable']);
  assert.equal(await harness.endsAtOnce(), true);
});

test('a request that was answered for an ended worker holds up nobody, although its handler runs on', async () => {
  const harness = new MainHarness();
  harness.host(ask('stuck'));
  assert.equal(await harness.endsAtOnce(), false);
  harness.kill(harness.task(0));
  assert.deepEqual(await answers(harness), ['stuck workerCrashed']);
  assert.deepEqual(harness.exits, [0]);
});
