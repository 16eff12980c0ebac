import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ModuleError } from '../../../src/errors.ts';
import type { StreamHandler } from '../../../src/module.ts';
import type { ServerStream } from '../../../src/handle/server-stream.ts';
import { runHandler } from '../../../src/worker/jobs/run-handler.ts';
import { bytes, testStream } from '../handle/fake-stream-io.ts';

function isCancelled(error: unknown): boolean {
  return error instanceof ModuleError && error.code === 'cancelled';
}

/** From JavaScript a handler can give back anything. */
function untyped(handler: (stream: ServerStream) => unknown): StreamHandler {
  return handler as StreamHandler;
}

test('a synchronous generator sends what it yields, and all of it happens at once', () => {
  const { io, stream } = testStream();
  stream.deliver(bytes(1));
  stream.deliver(bytes(2));
  stream.deliverEnd();
  const running = runHandler(function* (input) {
    for (const chunk of input) yield chunk;
    yield bytes(9);
  }, stream);
  assert.equal(running, undefined, 'no turn of the event loop');
  assert.deepEqual(io.sentBytes, [1, 2, 9]);
});

test('an asynchronous generator sends what it yields', async () => {
  const { io, stream } = testStream();
  const running = runHandler(async function* (input) {
    for await (const chunk of input) yield chunk;
    yield bytes(9);
  }, stream);
  stream.deliver(bytes(1));
  stream.deliverEnd();
  await running;
  assert.deepEqual(io.sentBytes, [1, 9]);
});

test('a plain function and an async one send by hand', async () => {
  const { io, stream } = testStream();
  assert.equal(
    runHandler((output) => output.sendSync(bytes(1)), stream),
    undefined,
  );
  await runHandler(async (output) => {
    await output.send(bytes(2));
  }, stream);
  assert.deepEqual(io.sentBytes, [1, 2]);
});

test('an array of chunks, and a promise of an iterable, are sent like a generator', async () => {
  const { io, stream } = testStream();
  assert.equal(
    runHandler(() => [bytes(1), bytes(2)], stream),
    undefined,
  );
  await runHandler(
    untyped(async () => [bytes(3)]),
    stream,
  );
  const later = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes(4);
  };
  await runHandler(
    untyped(async () => later()),
    stream,
  );
  assert.deepEqual(io.sentBytes, [1, 2, 3, 4]);
});

test('what a promise gives is sent without blocking the thread that others share', async () => {
  const { io, stream } = testStream();
  io.credit = 64;
  const running = runHandler(
    untyped(async () => [bytes(1), bytes(2), bytes(3)]),
    stream,
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([io.sentBytes, io.blocks], [[1], []]);
  io.credit = 1000;
  stream.retrySends();
  await running;
  assert.deepEqual(io.sentBytes, [1, 2, 3]);
});

test('a stream of Node that a handler gives back is cut into frames of 1 MiB, and smaller chunks stay whole', async () => {
  const chunks = [new Uint8Array((2 << 20) + 5).fill(1), new Uint8Array(3).fill(2)];
  for (const handler of [
    () => Readable.from(chunks),
    async () => Readable.from(chunks),
    async () => chunks,
  ]) {
    const { io, stream } = testStream();
    await runHandler(untyped(handler), stream);
    assert.deepEqual(
      io.sent.map(({ length }) => length),
      [1 << 20, 1 << 20, 5, 3],
    );
  }
});

test('a web stream given back is sent chunk by chunk', async () => {
  const { io, stream } = testStream();
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes(1));
      controller.enqueue(bytes(2));
      controller.close();
    },
  });
  await runHandler(() => source, stream);
  assert.deepEqual(io.sentBytes, [1, 2]);
});

test('a result that would be lost without a word is an error', async () => {
  const { stream } = testStream();
  for (const lost of [bytes(1), Buffer.from('x'), 'text', 5, true, {}, null]) {
    assert.throws(
      () =>
        runHandler(
          untyped(() => lost),
          stream,
        ),
      TypeError,
      typeof lost,
    );
    await assert.rejects(
      runHandler(
        untyped(async () => lost),
        stream,
      ) as Promise<void>,
      TypeError,
      typeof lost,
    );
  }
});

test('a yield that is no chunk is an error of the handler', async () => {
  const { io, stream } = testStream();
  const isInvalid = (error: unknown): boolean =>
    error instanceof ModuleError && error.code === 'handlerFailed';
  assert.throws(
    () =>
      runHandler(
        untyped(() => ['text']),
        stream,
      ),
    isInvalid,
  );
  await assert.rejects(
    runHandler(
      untyped(async function* () {
        yield 5;
      }),
      stream,
    ) as Promise<void>,
    isInvalid,
  );
  assert.deepEqual(io.sent, []);
});

test('sends that the handler left behind go out before its stream ends', async () => {
  const { io, stream } = testStream();
  io.credit = 0;
  const running = runHandler((output) => {
    void output.send(bytes(1));
    void output.send(bytes(2));
  }, stream);
  assert.ok(running instanceof Promise);
  assert.deepEqual(io.sent, []);
  io.credit = 1000;
  stream.retrySends();
  await running;
  assert.deepEqual(io.sentBytes, [1, 2]);
});

test('sends that an async handler left behind go out before its stream ends', async () => {
  const { io, stream } = testStream();
  io.credit = 0;
  const running = runHandler(async (output) => {
    void output.send(bytes(1));
  }, stream);
  await new Promise((resolve) => setImmediate(resolve));
  io.credit = 1000;
  stream.retrySends();
  await running;
  assert.deepEqual(io.sentBytes, [1]);
});

test('what a handler throws comes out, at once or later', async () => {
  const { stream } = testStream();
  const boom = new Error('boom');
  const fail = (): never => {
    throw boom;
  };
  assert.throws(() => runHandler(fail, stream), boom);
  await assert.rejects(runHandler(async () => fail(), stream) as Promise<void>, boom);
  assert.throws(
    () =>
      runHandler(function* () {
        yield bytes(1);
        fail();
      }, stream),
    boom,
  );
});

test('a cancel while a synchronous generator waits for credit runs its finally', () => {
  const { io, stream, stop } = testStream();
  io.credit = 1;
  io.onBlock = () => stop('cancelled', 'enough');
  const steps: string[] = [];
  assert.throws(
    () =>
      runHandler(function* () {
        try {
          yield bytes(1);
          steps.push('first');
          yield bytes(2);
          steps.push('second');
        } finally {
          steps.push('finally');
        }
      }, stream),
    isCancelled,
  );
  assert.deepEqual(steps, ['first', 'finally']);
});

test('a cancel while a synchronous generator computes ends it at its next yield, and its finally runs', () => {
  const { io, stream } = testStream();
  const steps: string[] = [];
  assert.throws(
    () =>
      runHandler(function* () {
        try {
          for (let i = 0; ; i++) {
            if (i === 3) io.decided = 'cancelled';
            yield bytes(i);
          }
        } finally {
          steps.push('finally');
        }
      }, stream),
    isCancelled,
  );
  assert.deepEqual(io.sentBytes, [0, 1, 2]);
  assert.deepEqual(steps, ['finally']);
});

test('a cancel while an asynchronous generator waits, for credit or for input, runs its finally', async () => {
  for (const what of ['credit', 'input'] as const) {
    const { io, stream, stop } = testStream();
    if (what === 'credit') io.credit = 0;
    const steps: string[] = [];
    const running = runHandler(async function* (input) {
      try {
        if (what === 'input') for await (const chunk of input) yield chunk;
        yield bytes(1);
      } finally {
        steps.push('finally');
      }
    }, stream) as Promise<void>;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(steps, []);
    stop('cancelled', 'enough');
    await assert.rejects(running, isCancelled);
    assert.deepEqual(steps, ['finally'], what);
  }
});
