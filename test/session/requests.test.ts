import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHandleResponse, decodeIpcError } from '../../src/wire/payload-decode.ts';
import { encodeHandleRequest, encodeHandleResponse } from '../../src/wire/payload-encode.ts';
import { encodeOpenFrame } from '../../src/wire/frame-encoder.ts';
import type { InvocationContextInit } from '../../src/wire/context.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import { encodeIpcError } from '../../src/wire/error-payload.ts';
import { OP } from '../../src/threads/messages.ts';
import { idOf, MANIFEST, NOW, RouterBench, type Dispatched } from '../support/router-bench.ts';

function ask(requestId: string, body = new Uint8Array(0), context: InvocationContextInit = {}): Uint8Array {
  const payload = encodeHandleRequest({
    context: { method: 'm', ...context, invocationId: requestId },
    body,
  });
  return encodeEnvelope('handle', requestId, payload);
}

/** What main has answered, each as `id body bytes` or `id code`. */
function answers(bench: RouterBench): string[] {
  return bench.take().map(({ type, requestId, payload }) => {
    if (type === 'response') return `${requestId} [${decodeHandleResponse(payload).body.join()}]`;
    return `${requestId} ${decodeIpcError(payload).code}`;
  });
}

function first(bench: RouterBench): Dispatched {
  const [task] = bench.dispatched;
  if (task === undefined) throw new Error('nothing runs');
  return task;
}

/** The worker's answer, and then its task's end. */
function finish(bench: RouterBench, task: Dispatched, ok: boolean, payload: Uint8Array): void {
  bench.requests.onAnswer(task.assignment.number, ok, payload);
  bench.settle(task);
}

test('a request runs, and its body goes back as one response', () => {
  const bench = new RouterBench();
  const request = ask('a', new Uint8Array([1, 2, 3]));
  bench.host(request);
  request.fill(0xee);
  assert.deepEqual(bench.bodies.get('a'), new Uint8Array([1, 2, 3]), 'the read buffer is used again');
  finish(bench, first(bench), true, new Uint8Array([4, 5]));
  assert.deepEqual(answers(bench), ['a [4,5]']);
  assert.equal(bench.requests.isIdle, true);
});

test('a failure goes back with its code, and once', () => {
  const bench = new RouterBench();
  bench.host(ask('a'));
  const task = first(bench);
  bench.requests.onAnswer(
    task.assignment.number,
    false,
    encodeIpcError({ code: 'unavailable', message: 'later' }),
  );
  bench.requests.onAnswer(task.assignment.number, true, new Uint8Array([1]));
  bench.settle(task);
  assert.deepEqual(answers(bench), ['a unavailable']);
});

test('requests and streams share the workers, first come, first served', () => {
  const bench = new RouterBench();
  bench.host(ask('a'), encodeOpenFrame(idOf(1), { method: 'echo' }), ask('b'));
  assert.deepEqual(
    bench.dispatched.map(({ id }) => id),
    ['a'],
  );
  finish(bench, first(bench), true, new Uint8Array(0));
  assert.equal(bench.dispatched[1]?.id, idOf(1));
});

test('a module without onHandle refuses with unimplemented, also what came before it had loaded', () => {
  const bench = new RouterBench({}, null);
  bench.host(ask('a'));
  assert.deepEqual(answers(bench), []);
  bench.load({ ...MANIFEST, handle: undefined });
  assert.deepEqual(answers(bench), ['a unimplemented']);
  bench.host(ask('b'));
  assert.deepEqual(answers(bench), ['b unimplemented']);
  assert.equal(bench.requests.isIdle, true);
});

test('requests that come before the first worker has loaded run then', () => {
  const bench = new RouterBench({ workers: 2 }, null);
  bench.host(ask('a'), ask('b'));
  bench.load(MANIFEST);
  assert.deepEqual(
    bench.dispatched.map(({ id }) => id),
    ['a', 'b'],
  );
});

test('requests that wait are bounded by number', () => {
  const bench = new RouterBench({ maxWaiting: 2 });
  bench.host(ask('runs'), ask('1'), ask('2'), ask('3'));
  assert.deepEqual(answers(bench), ['3 resourceExhausted']);
});

test('requests that wait are bounded by bytes', () => {
  // Two contexts of 64 bytes, with a method and an id of 8 each.
  const bench = new RouterBench({ maxWaitingBytes: 1000 + 2 * 80 });
  bench.host(ask('runs', new Uint8Array(5000)), ask('1', new Uint8Array(600)), ask('2', new Uint8Array(401)));
  assert.deepEqual(answers(bench), ['2 resourceExhausted']);
  bench.host(ask('3', new Uint8Array(400)));
  assert.deepEqual(answers(bench), [], 'exactly the limit');
});

test('a request with an oversized context, or in a module that drains, is refused', () => {
  const bench = new RouterBench({ maxContextBytes: 2048, maxMetadataEntries: 2 });
  bench.host(ask('a', undefined, { caller: 'x'.repeat(3000) }));
  bench.host(
    ask('b', undefined, {
      metadata: [
        ['k', ''],
        ['k', ''],
        ['k', ''],
      ],
    }),
  );
  bench.requests.drain();
  bench.host(ask('c'));
  assert.deepEqual(answers(bench), ['a invalidArgument', 'b invalidArgument', 'c unavailable']);
});

test('a deadline refuses what is too late, ends what waits, and stops what runs', () => {
  const bench = new RouterBench();
  const until = (ms: number): InvocationContextInit => ({ deadlineUnixMs: NOW + ms });
  bench.host(
    ask('late', undefined, until(-1)),
    ask('runs', undefined, until(100)),
    ask('waits', undefined, until(100)),
  );
  assert.deepEqual(answers(bench), ['late deadlineExceeded']);
  bench.clock.advance(100);
  assert.deepEqual(answers(bench), ['waits deadlineExceeded']);
  const task = first(bench);
  assert.equal(task.job.control.cause, 'deadlineExceeded');
  assert.ok(bench.ops.some(({ kind, job }) => kind === OP.stop && job === task.assignment.number));
  // Whatever the handler makes of it, the cause that was decided first wins.
  finish(bench, task, true, new Uint8Array([1]));
  assert.deepEqual(answers(bench), ['runs deadlineExceeded']);
});

test('a handler that ignores its deadline loses its worker, and the host gets the deadline as the cause', () => {
  const bench = new RouterBench();
  bench.host(ask('a', undefined, { deadlineUnixMs: NOW + 100 }));
  bench.clock.advance(100);
  bench.clock.advance(1000);
  assert.deepEqual(bench.toEnd, [first(bench).assignment.worker]);
  bench.crash(first(bench).assignment.worker, 'ended');
  assert.deepEqual(answers(bench), ['a deadlineExceeded']);
});

test('a worker that dies fails its request with how it died, once', () => {
  const bench = new RouterBench();
  bench.host(ask('a'), ask('b'));
  bench.crash(first(bench).assignment.worker, 'exit code 7');
  const [message] = bench.take();
  const { code, message: text } = decodeIpcError(message?.payload ?? new Uint8Array(0));
  assert.equal(code, 'workerCrashed');
  assert.match(text, /exit code 7/);
  assert.equal(bench.dispatched[1]?.id, 'b', 'the next one has the new worker');
});

test('a handler that settles without an answer is an internal error', () => {
  const bench = new RouterBench();
  bench.host(ask('a'));
  bench.settle(first(bench));
  assert.deepEqual(answers(bench), ['a internal']);
});

test('a result is sent as long as its message is within the limit, and is resourceExhausted beyond', () => {
  const body = new Uint8Array(8000);
  // The reference for the size is the encoder, which knows nothing of the limit.
  const limit = encodeEnvelope('response', 'a', encodeHandleResponse({ body })).length;
  for (const [bytes, outcome] of [
    [body.length, 'a response'],
    [body.length + 1, 'a error'],
  ] as const) {
    const bench = new RouterBench({ maxMessageBytes: limit });
    bench.host(ask('a'));
    finish(bench, first(bench), true, new Uint8Array(bytes));
    assert.deepEqual(bench.takeBrief(), [outcome], `${bytes} bytes`);
  }
});

test('the end of the connection cancels what waits at once and stops what runs', () => {
  const bench = new RouterBench();
  bench.host(ask('a'), ask('b'));
  bench.requests.drain();
  bench.requests.cancelAll('the host is gone');
  assert.deepEqual(answers(bench), ['b cancelled']);
  assert.equal(first(bench).job.control.cause, 'cancelled');
  finish(bench, first(bench), true, new Uint8Array(0));
  assert.deepEqual(answers(bench), ['a cancelled']);
  assert.equal(bench.requests.isIdle, true);
  assert.equal(bench.clock.pending, 0);
});

test('an error that a worker’s answer or the host’s words bring is within the limit of a message', () => {
  const bench = new RouterBench();
  bench.host(ask('a'));
  bench.crash(first(bench).assignment.worker, 'x'.repeat(50_000));
  const [message] = bench.take();
  assert.ok(decodeIpcError(message?.payload ?? new Uint8Array(0)).message.length <= 4096);
});

test('where no worker can be had for a while, requests that wait and that come are refused with the cause', () => {
  const bench = new RouterBench();
  bench.host(ask('runs'), ask('waits'));
  bench.unavailable = 'no thread can start';
  bench.requests.refuseWaiting(bench.unavailable);
  bench.host(ask('comes'));
  assert.deepEqual(answers(bench), ['waits unavailable', 'comes unavailable']);
  finish(bench, first(bench), true, new Uint8Array([1]));
  assert.deepEqual(answers(bench), ['runs [1]']);
  assert.equal(bench.requests.isIdle, true);
});

test('a request that comes ahead of the first load is refused while no worker can be had', () => {
  const bench = new RouterBench({}, null);
  bench.host(ask('waits'));
  bench.unavailable = 'no thread can start';
  bench.requests.refuseWaiting(bench.unavailable);
  bench.host(ask('comes'));
  assert.deepEqual(answers(bench), ['waits unavailable', 'comes unavailable']);
  assert.equal(bench.requests.isIdle, true);
});

test('a request that was answered for an ended worker holds up nobody, although its handler runs on', () => {
  const bench = new RouterBench();
  bench.host(ask('stuck'));
  assert.equal(bench.requests.isIdle, false);
  bench.fence(first(bench).assignment.worker, 'it did not stop');
  assert.deepEqual(answers(bench), ['stuck workerCrashed']);
  assert.equal(bench.requests.isIdle, true);
});
