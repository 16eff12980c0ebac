import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ModuleError } from '../../../src/errors.ts';
import { runHandler } from '../../../src/worker/jobs/run-handler.ts';
import { bytes, testStream } from './fake-stream-io.ts';

function isCancelled(error: unknown): boolean {
  return error instanceof ModuleError && error.code === 'cancelled';
}

test('the readable gives the input and closes at its end', async () => {
  const { stream } = testStream();
  stream.deliver(bytes(1));
  stream.deliver(bytes(2));
  stream.deliverEnd();
  const seen: number[] = [];
  for await (const chunk of stream.readable) seen.push(chunk[0] ?? -1);
  assert.deepEqual(seen, [1, 2]);
});

test('the readable is one object, and so is the writable', () => {
  const { stream } = testStream();
  assert.equal(stream.readable, stream.readable);
  assert.equal(stream.writable, stream.writable);
});

test('the readable reads nothing ahead: credit follows what the consumer takes', async () => {
  const { io, stream } = testStream(256);
  for (let i = 0; i < 4; i++) stream.deliver(bytes(i, 128));
  const reader = stream.readable.getReader();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(io.grants, []);
  await reader.read();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(io.grants, [128]);
});

test('the writable’s write settles when the frame is on its way', async () => {
  const { io, stream } = testStream();
  io.credit = 0;
  const writer = stream.writable.getWriter();
  let isWritten = false;
  const writing = writer.write(bytes(1)).then(() => (isWritten = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isWritten, false);
  io.credit = 100;
  stream.retrySends();
  await writing;
  assert.deepEqual(io.sentBytes, [1]);
});

test('closing the writable leaves the stream open', async () => {
  const { io, stream } = testStream();
  await stream.writable.close();
  await stream.send(bytes(1));
  assert.deepEqual(io.sentBytes, [1]);
});

test('a whole input goes through a CompressionStream and comes out as its gzip', async () => {
  const { io, stream } = testStream();
  const text = Buffer.from('a line that repeats\n'.repeat(5000));
  const running = runHandler(async (served) => {
    await served.readable.pipeThrough(new CompressionStream('gzip')).pipeTo(served.writable);
  }, stream);
  for (let at = 0; at < text.length; at += 4096)
    stream.deliver(Uint8Array.from(text.subarray(at, at + 4096)));
  stream.deliverEnd();
  await running;
  const sent = Buffer.concat(io.sent);
  assert.ok(sent.length < text.length / 10);
  assert.deepEqual(gunzipSync(sent), text);
});

test('an input that is gzip comes out of a DecompressionStream', async () => {
  const { io, stream } = testStream();
  const packed = gzipSync('hello');
  for (const byte of packed) stream.deliver(bytes(byte));
  stream.deliverEnd();
  await runHandler(
    (served) => served.readable.pipeThrough(new DecompressionStream('gzip')) as ReadableStream<Uint8Array>,
    stream,
  );
  assert.equal(Buffer.concat(io.sent).toString(), 'hello');
});

test('a cancel fails a waiting read and a waiting write', async () => {
  const { io, stream, stop } = testStream();
  io.credit = 0;
  const reading = stream.readable.getReader().read();
  const writer = stream.writable.getWriter();
  // The writer's own promise fails too; what is looked at here is the write.
  writer.closed.catch(() => {});
  const writing = writer.write(bytes(1));
  await new Promise((resolve) => setImmediate(resolve));
  stop('cancelled', 'enough');
  await assert.rejects(reading, isCancelled);
  await assert.rejects(writing, isCancelled);
});

test('a cancel ends a pipe, so that the handler ends with the cause', async () => {
  const { stream, stop } = testStream();
  const running = runHandler(async (served) => {
    await served.readable.pipeThrough(new CompressionStream('gzip')).pipeTo(served.writable);
  }, stream) as Promise<void>;
  stream.deliver(bytes(1, 1000));
  await new Promise((resolve) => setImmediate(resolve));
  stop('cancelled', 'enough');
  await assert.rejects(running, isCancelled);
});
